namespace Camels.Kernels;

/// <summary>Tensor cores and the loads that feed them.</summary>
internal sealed unsafe partial class PtxTranslator
{
    private bool TranslateTensor() => false;

    private bool TranslateAsynchronous() => false;
}
