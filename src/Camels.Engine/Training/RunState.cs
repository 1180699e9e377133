using System.Runtime.InteropServices;
using Camels.Engine.Checkpoints;
using Camels.Engine.Parameters;
using Camels.Kernels;

namespace Camels.Engine.Training;

/// <summary>
/// What a checkpoint holds beside the model: masters, moments and the number of steps done. Data order, learning rate and random numbers are
/// functions of the step and the recipe, so this is everything.
/// </summary>
public static class RunState
{
    private const string MasterPrefix = "master/";
    private const string FirstMomentPrefix = "exp_avg/";
    private const string SecondMomentPrefix = "exp_avg_sq/";
    private const string StepsDone = "steps_done";

    /// <summary>The trainer's state and its model as they are written.</summary>
    public static CheckpointToWrite ToWrite(Trainer trainer, ModelToWrite model, Device device, string recipe)
    {
        List<TensorToWrite> state = [TensorToWrite.FromIntegers(StepsDone, trainer.StepsDone)];
        void Add(string name, Tensor tensor) => state.Add(TensorToWrite.FromTensor(device.Stream, name, tensor, tensor.DType));
        foreach (Parameter parameter in trainer.Optimizer.Parameters)
        {
            Add(MasterPrefix + parameter.Name, parameter.Master);
            Add(FirstMomentPrefix + parameter.Name, parameter.FirstMoment);
            Add(SecondMomentPrefix + parameter.Name, parameter.SecondMoment);
        }

        return new CheckpointToWrite
        {
            Step = trainer.StepsDone,
            Model = model,
            State = state,
            Origin = OriginOf(device, recipe),
        };
    }

    /// <summary>Loads a checkpoint into a trainer of the same recipe.</summary>
    public static void Restore(Trainer trainer, TrainingState checkpoint)
    {
        DeviceStream stream = trainer.Pass.Stream;
        foreach (Parameter parameter in trainer.Optimizer.Parameters)
        {
            Load(stream, checkpoint, MasterPrefix + parameter.Name, parameter.Master);
            Load(stream, checkpoint, FirstMomentPrefix + parameter.Name, parameter.FirstMoment);
            Load(stream, checkpoint, SecondMomentPrefix + parameter.Name, parameter.SecondMoment);
        }

        Span<long> steps = stackalloc long[1];
        StoredTensor stored = checkpoint.Tensors.Get(StepsDone);
        stored.RequireShape(1);
        stored.Bytes(byteOffset: 0, sizeof(long)).CopyTo(MemoryMarshal.AsBytes(steps));
        trainer.StepsDone = steps[0];
        trainer.RefreshWeights();
    }

    /// <summary>Where a run computes.</summary>
    public static CheckpointOrigin OriginOf(Device device, string recipe) =>
        new(device.Family, device.KernelPath, device.InstructionSet, recipe);

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
