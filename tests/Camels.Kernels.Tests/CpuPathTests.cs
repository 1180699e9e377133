using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Xunit;

namespace Camels.Kernels.Tests;

/// <summary>The path that runs is the one that the process was asked to take.</summary>
[Trait("Category", "Paths")]
public class CpuPathTests
{
    [Fact]
    public void The_path_follows_the_switches_of_the_runtime()
    {
        bool hardware = Environment.GetEnvironmentVariable("DOTNET_EnableHWIntrinsic") != "0";
        bool usual = Environment.GetEnvironmentVariable("DOTNET_PreferredVectorBitWidth") is null;
        bool avx2 = hardware && usual && Environment.GetEnvironmentVariable("DOTNET_EnableAVX2") != "0";
        bool avx512 = avx2 && Environment.GetEnvironmentVariable("DOTNET_EnableAVX512") != "0";
        if (!avx512)
        {
            Assert.NotEqual("avx512", CpuPath.Name);
        }

        if (!avx2)
        {
            Assert.NotEqual("avx2", CpuPath.Name);
        }

        if (!hardware)
        {
            Assert.Equal("scalar", CpuPath.Name);
            Assert.False(Vector128.IsHardwareAccelerated);
        }
        else if (!usual)
        {
            Assert.Equal("vector", CpuPath.Name);
        }
        else if (avx512 && Avx512F.IsSupported)
        {
            Assert.Equal("avx512", CpuPath.Name);
        }
        else if (avx2 && Fma.IsSupported && !avx512)
        {
            Assert.Equal("avx2", CpuPath.Name);
        }
    }
}
