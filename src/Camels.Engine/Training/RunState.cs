using System.Runtime.InteropServices;
using Camels.Engine.Checkpoints;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Training;

/// <summary>
/// What a checkpoint holds beside the model: masters, moments, the number of steps done and the loss scale. Data order, learning rate and random numbers are
/// functions of the step and the recipe, so this is everything.
/// </summary>
public static class RunState
{
    private const string MasterPrefix = "master/";
    private const string FirstMomentPrefix = "exp_avg/";
    private const string SecondMomentPrefix = "exp_avg_sq/";
    private const string ScalesOf = "scales/";
    private const string StepsDone = "steps_done";
    private const string LossScaleName = "loss_scale";

    /// <summary>The trainer's state and its model as they are written.</summary>
    public static CheckpointToWrite ToWrite(Trainer trainer, ModelToWrite model, CheckpointOrigin origin)
    {
        List<TensorToWrite> state = [TensorToWrite.FromIntegers(StepsDone, trainer.StepsDone)];
        if (trainer.LossScale is LossScale scale)
        {
            (long exponent, long goodSteps, long skipped) = scale.State;
            state.Add(TensorToWrite.FromIntegers(LossScaleName, exponent, goodSteps, skipped));
        }

        foreach ((string name, Tensor tensor) in trainer.Optimizer.Parameters.SelectMany(TensorsOf))
        {
            state.Add(TensorToWrite.FromTensor(trainer.Pass.Stream, name, tensor, tensor.DType));
        }

        return new CheckpointToWrite
        {
            Step = trainer.StepsDone,
            Model = model,
            State = state,
            Origin = origin,
        };
    }

    /// <summary>Loads a checkpoint into a trainer of the same recipe.</summary>
    public static void Restore(Trainer trainer, TrainingState checkpoint)
    {
        DeviceStream stream = trainer.Pass.Stream;
        foreach ((string name, Tensor tensor) in trainer.Optimizer.Parameters.SelectMany(TensorsOf))
        {
            Load(stream, checkpoint, name, tensor);
        }

        trainer.StepsDone = Integers(checkpoint, StepsDone, count: 1)[0];
        if (trainer.LossScale is LossScale scale)
        {
            long[] numbers = Integers(checkpoint, LossScaleName, count: 3);
            scale.State = (numbers[0], numbers[1], numbers[2]);
        }

        trainer.RefreshWeights();
    }

    /// <summary>Where a run computes, and what: <paramref name="data"/> and <paramref name="modelKey"/> are the keys of its prepared data and its model.</summary>
    public static CheckpointOrigin OriginOf(Device device, string recipe, string data, string modelKey) =>
        new(device.Family, device.KernelPath, device.InstructionSet, recipe, data, modelKey);

    private static IEnumerable<(string Name, Tensor Tensor)> TensorsOf(Parameter parameter)
    {
        yield return (MasterPrefix + parameter.Name, parameter.Master);
        if (!parameter.FirstMoment.IsNone)
        {
            yield return (FirstMomentPrefix + parameter.Name, parameter.FirstMoment);
            yield return (SecondMomentPrefix + parameter.Name, parameter.SecondMoment);
        }

        if (!parameter.FirstMomentScales.IsNone)
        {
            yield return (FirstMomentPrefix + ScalesOf + parameter.Name, parameter.FirstMomentScales);
            yield return (SecondMomentPrefix + ScalesOf + parameter.Name, parameter.SecondMomentScales);
        }
    }

    private static long[] Integers(TrainingState checkpoint, string name, int count)
    {
        long[] values = new long[count];
        StoredTensor stored = checkpoint.Tensors.Get(name);
        stored.RequireShape(count);
        stored.Bytes(byteOffset: 0, count * sizeof(long)).CopyTo(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    private static void Load(DeviceStream stream, TrainingState checkpoint, string name, Tensor destination)
    {
        StoredTensor stored = checkpoint.Tensors.Get(name);
        Span<int> shape = stackalloc int[destination.Shape.Rank];
        for (int i = 0; i < shape.Length; i++)
        {
            shape[i] = destination.Shape[i];
        }

        stored.RequireShape(shape);
        stored.Read(stream, destination);
    }
}
