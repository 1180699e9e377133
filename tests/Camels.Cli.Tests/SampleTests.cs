using Camels.Cli.Measurements;
using Xunit;

namespace Camels.Cli.Tests;

public sealed class SampleTests
{
    [Theory]
    [InlineData(new double[] { 4 }, 4)]
    [InlineData(new double[] { 4, 2 }, 3)]
    [InlineData(new double[] { 9, 1, 2 }, 2)]
    [InlineData(new double[] { 9, 1, 2, 4 }, 3)]
    public void The_median_of_an_even_number_is_the_mean_of_the_middle_two(double[] seconds, double median) =>
        Assert.Equal(median, new Sample(seconds).Median);

    [Fact]
    public void The_spread_is_half_of_the_distance_between_the_quartiles() =>
        Assert.Equal(0.75 / 2.5, new Sample([1, 2, 3, 4]).Spread, 1e-12);
}
