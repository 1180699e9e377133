using Camels.Engine.Data;
using Camels.Engine.Parameters;

namespace Camels.Engine.Training;

/// <summary>How a recipe spells the values of its enumerations; the reader and the writer share it.</summary>
internal static class RecipeNames
{
    public static IReadOnlyDictionary<string, Precision> Precisions { get; } =
        new Dictionary<string, Precision> { ["bf16"] = Precision.Bf16, ["fp16"] = Precision.Fp16, ["fp32"] = Precision.Fp32 };

    public static IReadOnlyDictionary<string, MomentStorage> Moments { get; } = new Dictionary<string, MomentStorage>
    {
        ["fp32"] = MomentStorage.Wide,
        ["bf16"] = MomentStorage.Bf16,
        ["8bit"] = MomentStorage.EightBit,
    };

    public static IReadOnlyDictionary<string, OptimizerKind> Optimizers { get; } =
        new Dictionary<string, OptimizerKind> { ["adamw"] = OptimizerKind.AdamW, ["sgd"] = OptimizerKind.Sgd };

    public static IReadOnlyDictionary<string, bool> Recomputes { get; } = new Dictionary<string, bool> { ["none"] = false, ["block"] = true };

    /// <summary>Kinds of adapters: whether the base is kept in NF4.</summary>
    public static IReadOnlyDictionary<string, bool> Adapters { get; } = new Dictionary<string, bool> { ["lora"] = false, ["qlora"] = true };

    public static IReadOnlyDictionary<string, OverLength> OverLengths { get; } = new Dictionary<string, OverLength>
    {
        ["split"] = OverLength.Split,
        ["truncate"] = OverLength.Truncate,
        ["drop"] = OverLength.Drop,
    };

    public static IReadOnlyDictionary<string, Deduplicate> Deduplicates { get; } = new Dictionary<string, Deduplicate>
    {
        ["none"] = Deduplicate.None,
        ["exact"] = Deduplicate.Exact,
        ["near"] = Deduplicate.Near,
    };

    public static IReadOnlyDictionary<string, Compatibility> Compatibilities { get; } =
        new Dictionary<string, Compatibility> { ["none"] = Compatibility.None, ["open_instruct_2023"] = Compatibility.OpenInstruct2023 };

    public static IReadOnlyDictionary<string, ScheduleKind> Schedules { get; } = new Dictionary<string, ScheduleKind>
    {
        ["linear"] = ScheduleKind.Linear,
        ["cosine"] = ScheduleKind.Cosine,
        ["constant"] = ScheduleKind.Constant,
    };

    public static IReadOnlyDictionary<string, WeightDecayOn> WeightDecays { get; } =
        new Dictionary<string, WeightDecayOn> { ["matrices"] = WeightDecayOn.Matrices, ["all"] = WeightDecayOn.All };

    public static IReadOnlyDictionary<string, LossReduction> LossReductions { get; } =
        new Dictionary<string, LossReduction> { ["tokens"] = LossReduction.Tokens, ["example_mean"] = LossReduction.ExampleMean };

    public static IReadOnlyDictionary<string, TreePaths> TreePaths { get; } =
        new Dictionary<string, TreePaths> { ["leaves"] = Data.TreePaths.Leaves, ["every_answer"] = Data.TreePaths.EveryAnswer };

    public static IReadOnlyDictionary<string, Role> Roles { get; } = Enum.GetValues<Role>().ToDictionary(Conversation.NameOf);

    public static string Of<TValue>(IReadOnlyDictionary<string, TValue> names, TValue value)
        where TValue : struct => names.First(pair => pair.Value.Equals(value)).Key;
}
