using Xunit;

namespace Camels.Kernels.Tests.PtxMachine;

/// <summary>Every committed kernel is read and translated.</summary>
public sealed class PtxProductFilesTests
{
    public static TheoryData<string> Files => [.. PtxFixtures.Product];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_kernel_of_the_product_is_understood(string file)
    {
        PtxModule module = PtxModule.Parse(PtxFixtures.ReadProduct(file), file);
        Assert.All(module.Entries, entry => Assert.NotNull(entry.Program()));
    }
}
