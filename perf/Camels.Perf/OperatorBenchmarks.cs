using BenchmarkDotNet.Attributes;
using Camels.Kernels;
using Camels.Testing;

namespace Camels.Perf;

/// <summary>Forward and backward of every operator at the last size of its cases, single precision, one thread; must allocate nothing.</summary>
[MemoryDiagnoser]
public class OperatorBenchmarks
{
    private Device _device = null!;
    private OpRun _run = null!;

    public static IEnumerable<string> Operators => OpCases.All.Keys;

    [ParamsSource(nameof(Operators))]
    public string Operator { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _device = Device.OpenCpu(threads: 1);
        _run = new OpRun(OpCases.All[Operator]().Last(), _device, DType.F32, DType.F32);
        _run.RunForward();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _run.Dispose();
        _device.Dispose();
    }

    [Benchmark]
    public void Forward() => _run.RunForward();

    [Benchmark]
    public void Backward() => _run.Case.Backward?.Invoke(_run);
}
