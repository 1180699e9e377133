using Camels.Engine.Data;
using Camels.Engine.Parameters;

namespace Camels.Engine.Training;

/// <summary>A whole run: what is trained on what, how, and where it goes. Immutable; the properties' initial values are the defaults.</summary>
public sealed record Recipe
{
    /// <summary>The model to start from.</summary>
    public required ModelRecipe Model { get; init; }

    /// <summary>Where the conversations come from and how they become rows of tokens.</summary>
    public required DataRecipe Data { get; init; }

    /// <summary>Length, optimizer and loss.</summary>
    public TrainingRecipe Training { get; init; } = new();

    /// <summary>What weights and activations are computed in.</summary>
    public Precision Precision { get; init; } = Precision.Bf16;

    /// <summary>Whether the backward computes each block's activations again instead of keeping them: less memory, a third more work, the same bits.</summary>
    public bool Recompute { get; init; }

    /// <summary>
    /// New adapters of the model's linear layers, in the recipe's names for them; null: there are none. Of an adapter that the run goes on with
    /// (<see cref="ModelRecipe.Adapter"/>) it says only whether the base is kept in NF4.
    /// </summary>
    public AdapterSettings? Adapter { get; init; }

    /// <summary>Names of the parameters that are trained, with * for any text; null for all, or for the adapters where there are some.</summary>
    public IReadOnlyList<string>? Train { get; init; }

    /// <summary>How a step's rows are divided and summed.</summary>
    public ShardingRecipe Sharding { get; init; } = new();

    /// <summary>When training state is saved and how much of it is kept.</summary>
    public CheckpointRecipe Checkpoint { get; init; } = new();

    /// <summary>The run folder.</summary>
    public required string Output { get; init; }
}

/// <summary>Either a Hugging Face folder (<see cref="Path"/>), or a family and size initialised at random.</summary>
public sealed record ModelRecipe
{
    /// <summary>A Hugging Face folder, or null where <see cref="Family"/> is given.</summary>
    public string? Path { get; init; }

    /// <summary>A family of the model catalog, initialised at random.</summary>
    public string? Family { get; init; }

    /// <summary>A size of <see cref="Family"/>.</summary>
    public string? Size { get; init; }

    /// <summary>The folder of an adapter over <see cref="Path"/> that the run goes on with, or null.</summary>
    public string? Adapter { get; init; }

    /// <summary>The share of hidden numbers that training leaves out, and nothing else; null for all that the model's config says.</summary>
    public double? Dropout { get; init; }

    /// <summary>The folder of the tokenizer files; null means that of <see cref="Path"/>.</summary>
    public string? Tokenizer { get; init; }
}

/// <summary>The data half of a recipe.</summary>
public sealed record DataRecipe
{
    /// <summary>At least one source; their conversations are concatenated in this order before shuffling.</summary>
    public required IReadOnlyList<DataSource> Sources { get; init; }

    /// <summary>The name of the chat template, or the path of a user's (.json).</summary>
    public string Template { get; init; } = "tulu";

    /// <summary>Tokens of a row; null means the smaller of 2048 and the model's context.</summary>
    public int? SequenceLength { get; init; }

    /// <summary>True: several documents share a row, each attending only to itself. False: one document a row.</summary>
    public bool Packing { get; init; } = true;

    /// <summary>What happens to a conversation longer than a row.</summary>
    public OverLength OverLength { get; init; } = OverLength.Split;

    /// <summary>What becomes of duplicates.</summary>
    public Deduplicate Deduplicate { get; init; } = Deduplicate.None;

    /// <summary>What the data is compared with.</summary>
    public ContaminationRecipe Contamination { get; init; } = new();

    /// <summary>What is held out and how often it is measured.</summary>
    public ValidationRecipe Validation { get; init; } = new();

    /// <summary>Whose known defects are reproduced.</summary>
    public Compatibility Compatibility { get; init; } = Compatibility.None;

    /// <summary>True: over-long, duplicate and contaminated records and what is no plain text are errors too.</summary>
    public bool Strict { get; init; }
}

/// <summary>Evaluation sets that the training data must not give away.</summary>
public sealed record ContaminationRecipe
{
    /// <summary>Their folder, one folder a benchmark; null: not compared.</summary>
    public string? Path { get; init; }

    /// <summary>True: what gives an item away is removed. False: counted and listed.</summary>
    public bool Remove { get; init; }
}

/// <summary>What is held out of training. Either a fraction of the sources or sources of its own; nothing by default.</summary>
public sealed record ValidationRecipe
{
    /// <summary>Share of the conversations held out, in [0, 1).</summary>
    public double Fraction { get; init; }

    /// <summary>Sources that are only measured on.</summary>
    public IReadOnlyList<DataSource> Sources { get; init; } = [];

    /// <summary>Optimizer steps between two measurements; the last step is always measured.</summary>
    public int EverySteps { get; init; } = 100;
}

/// <summary>Length, optimizer and loss of a run.</summary>
public sealed record TrainingRecipe
{
    /// <summary>Times the data is seen; ignored where <see cref="Steps"/> is set.</summary>
    public int Epochs { get; init; } = 2;

    /// <summary>Optimizer steps, or null where <see cref="Epochs"/> decides.</summary>
    public int? Steps { get; init; }

    /// <summary>Rows of an optimizer step over all ranks.</summary>
    public int BatchSize { get; init; } = 128;

    /// <summary>The schedule's peak.</summary>
    public double LearningRate { get; init; } = 2e-5;

    /// <summary>The learning rate's course after warming up.</summary>
    public ScheduleKind Schedule { get; init; } = ScheduleKind.Linear;

    /// <summary>Share of the steps that warm up; ignored where <see cref="WarmupSteps"/> is set.</summary>
    public double WarmupRatio { get; init; } = 0.03;

    /// <summary>Steps that warm up, or null where <see cref="WarmupRatio"/> decides.</summary>
    public int? WarmupSteps { get; init; }

    /// <summary>What a linear or cosine schedule falls to at the end, as a share of <see cref="LearningRate"/>.</summary>
    public double MinLearningRateRatio { get; init; }

    /// <summary>AdamW's decoupled weight decay.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Which parameters decay.</summary>
    public WeightDecayOn WeightDecayOn { get; init; } = WeightDecayOn.Matrices;

    /// <summary>The gradient's largest norm; 0 turns clipping off.</summary>
    public double ClipNorm { get; init; } = 1.0;

    /// <summary>The largest absolute value of a gradient's elements; 0 turns it off. SGD only.</summary>
    public double ClipValue { get; init; }

    /// <summary>What makes a step of a gradient.</summary>
    public OptimizerKind Optimizer { get; init; }

    /// <summary>Whether each unit is stepped as soon as its gradients are whole, so that those of one block exist at a time.</summary>
    public bool Fused { get; init; }

    /// <summary>The loss scale of fp16; without effect in other precisions.</summary>
    public LossScaleRecipe LossScale { get; init; } = new();

    /// <summary>AdamW's constants.</summary>
    public AdamRecipe Adam { get; init; } = new();

    /// <summary>Seed of everything random in the run.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>What the loss is a mean of.</summary>
    public LossReduction LossReduction { get; init; } = LossReduction.Tokens;
}

/// <summary>What makes a step of a gradient.</summary>
public enum OptimizerKind
{
    /// <summary>Adam with decoupled weight decay.</summary>
    AdamW,

    /// <summary>Plain gradient descent, without any state.</summary>
    Sgd,
}

/// <summary>How the loss scale of fp16 starts and grows.</summary>
public sealed record LossScaleRecipe
{
    /// <summary>The largest <see cref="InitialExponent"/>: a scaled loss stays far inside single precision.</summary>
    public const int MostInitialExponent = 60;

    /// <summary>The scale starts as 2 to this power.</summary>
    public int InitialExponent { get; init; } = 16;

    /// <summary>Steps in a row without overflow after which the scale doubles.</summary>
    public int GrowthSteps { get; init; } = 2000;
}

/// <summary>AdamW's constants.</summary>
public sealed record AdamRecipe
{
    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>How the moments are kept between steps.</summary>
    public MomentStorage Moments { get; init; }
}

/// <summary>How a step's rows are divided and in which tree their gradients are summed.</summary>
public sealed record ShardingRecipe
{
    /// <summary>Lanes of a micro-step, a power of two. Another number gives other bits.</summary>
    public int Lanes { get; init; } = 8;

    /// <summary>Lanes computed at once, a power of two; 0 means all of the rank's. Costs memory, changes no bit.</summary>
    public int LanesPerCall { get; init; }
}

/// <summary>When training state is saved and how much of it is kept.</summary>
public sealed record CheckpointRecipe
{
    /// <summary>Optimizer steps between two checkpoints; the last step is always saved.</summary>
    public int EverySteps { get; init; } = 500;

    /// <summary>How many checkpoints stay.</summary>
    public int Keep { get; init; } = 2;
}

/// <summary>The learning rate's course after warming up.</summary>
public enum ScheduleKind
{
    /// <summary>Falls in a straight line.</summary>
    Linear,

    /// <summary>Falls along half a cosine.</summary>
    Cosine,

    /// <summary>Stays.</summary>
    Constant,
}

/// <summary>Which parameters weight decay applies to.</summary>
public enum WeightDecayOn
{
    /// <summary>Matrices and embeddings; no biases and no norms.</summary>
    Matrices,

    /// <summary>Everything.</summary>
    All,
}

/// <summary>What the loss of an optimizer step is a mean of.</summary>
public enum LossReduction
{
    /// <summary>All trained tokens of the step.</summary>
    Tokens,

    /// <summary>The examples' own means.</summary>
    ExampleMean,

    /// <summary>
    /// The means over the trained tokens of each micro-step's rows: what open-instruct of 2023 had, whose micro-batch was the rows of one
    /// device. A recipe asks for it with data.compatibility.
    /// </summary>
    MicroBatchMean,
}
