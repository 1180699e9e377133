using System.Numerics;
using Camels.Engine.Models;
using Camels.Engine.Parameters;
using Camels.Kernels;
using Camels.Kernels.Ops;

namespace Camels.Engine.Training;

/// <summary>
/// The canonical order of gradient sums over lanes, where a call computes a part of the lanes: call g leaves the sum of its own sub-tree in
/// a slab, and slabs are merged as a binary counter counts, which is the same tree as one call over all lanes forms in its kernels. With one
/// call a micro-step nothing is copied: kernels add their tree to the step's gradients at once.
/// </summary>
public sealed class LaneSum
{
    private readonly DeviceStream _stream;
    private readonly ParameterUnit[] _units;
    private readonly int _calls;
    private int _done;
    private int _height;

    /// <param name="stream">Where it runs.</param>
    /// <param name="model">The model; its training memory must have <see cref="LevelsFor"/> further gradient slabs.</param>
    /// <param name="calls">Calls of a micro-step, a power of two.</param>
    public LaneSum(DeviceStream stream, ILanguageModel model, int calls)
    {
        _stream = stream;
        _units = [.. model.Units];
        _calls = calls;
    }

    /// <summary>Gradient slabs needed beside the step's own.</summary>
    public static int LevelsFor(int calls) => calls == 1 ? 0 : BitOperations.Log2((uint)calls) + 1;

    /// <summary>Points layers at the gradients that the next call shall add to.</summary>
    public void BeginCall()
    {
        if (_calls == 1)
        {
            return;
        }

        foreach (ParameterUnit unit in _units)
        {
            unit.UseGradients(1 + _height);
            HostTransfer.Zero(_stream, unit.Gradients(1 + _height));
        }
    }

    /// <summary>Takes what the call added into the tree; after the micro-step's last call the total is in the step's gradients.</summary>
    public void EndCall()
    {
        if (_calls == 1)
        {
            return;
        }

        _height++;
        for (int pending = _done; (pending & 1) != 0; pending >>= 1)
        {
            _height--;
            AddSlab(into: _height, from: _height + 1);
        }

        _done++;
        if (_done == _calls)
        {
            AddSlab(into: 0, from: 1);
            _done = 0;
            _height = 0;
            foreach (ParameterUnit unit in _units)
            {
                unit.UseGradients(level: 0);
            }
        }
    }

    private void AddSlab(int into, int from)
    {
        foreach (ParameterUnit unit in _units)
        {
            Tensor sum = unit.Gradients(into);
            Add.Forward(_stream, y: sum, x: sum, residual: unit.Gradients(from));
        }
    }
}
