using System.Runtime.InteropServices;
using Camels.Engine.Checkpoints;
using Camels.Kernels;
using Xunit;

namespace Camels.Engine.Tests.Checkpoints;

public class TrainingStateTests
{
    private readonly List<string> _warnings = [];

    [Fact]
    public void WhatIsSavedComesBack()
    {
        using TemporaryFolder folder = new();
        CheckpointToWrite checkpoint = Checkpoint(7, elements: 1000);
        checkpoint = checkpoint with { Model = checkpoint.Model with { MaximumFileBytes = 3000 } };
        string path = new CheckpointWriter(folder["c"], keep: 2).Save(checkpoint);
        Assert.Equal(Path.Combine(folder["c"], "step-00000007"), path);
        Assert.Equal(3, Directory.GetFiles(path, "state-*-of-00003.safetensors").Length);

        using TrainingState state = TrainingState.OpenNewest(folder["c"], _warnings.Add)!;
        Assert.Equal((7, checkpoint.Origin), (state.Manifest.Step, state.Manifest.Origin));
        foreach (TensorToWrite tensor in checkpoint.State)
        {
            byte[] expected = new byte[tensor.ByteCount];
            tensor.Source(0, expected);
            StoredTensor stored = state.Tensors.Get(tensor.Name);
            Assert.Equal(tensor.Type, stored.Type);
            Assert.Equal(tensor.Shape, stored.Shape);
            Assert.True(stored.Bytes(0, expected.Length).SequenceEqual(expected), tensor.Name);
        }

        HuggingFaceFolder.Open(state.ModelPath).Dispose();
        string[] files = [.. Directory.GetFiles(path, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(path, file)).Order()];
        Assert.Equal(files.Where(file => file != CheckpointManifest.Name), state.Manifest.Files.Select(file => file.Path).Order());
        Assert.Empty(_warnings);
    }

    [Fact]
    public void TheSameStateGivesTheSameManifest()
    {
        using TemporaryFolder folder = new();
        string a = new CheckpointWriter(folder["a"], keep: 1).Save(Checkpoint(1));
        string b = new CheckpointWriter(folder["b"], keep: 1).Save(Checkpoint(1));
        Assert.Equal(File.ReadAllBytes(Path.Combine(a, "manifest.json")), File.ReadAllBytes(Path.Combine(b, "manifest.json")));
    }

    [Fact]
    public void TheNewestAreKept()
    {
        using TemporaryFolder folder = new();
        CheckpointWriter writer = new(folder["c"], keep: 2);
        foreach (long step in (long[])[1, 2, 100_000_000, 100_000_001])
        {
            writer.Save(Checkpoint(step));
        }

        Assert.Equal([100_000_001, 100_000_000], CheckpointFolders.Steps(folder["c"]));
        Assert.Equal(2, Directory.GetFileSystemEntries(folder["c"]).Length);
    }

    [Fact]
    public void WithoutCheckpointsThereIsNothingToResume()
    {
        using TemporaryFolder folder = new();
        Assert.Null(TrainingState.OpenNewest(folder["none"], _warnings.Add));
        Directory.CreateDirectory(folder["step-x"]);
        Directory.CreateDirectory(folder["step-1"]);
        Directory.CreateDirectory(folder[".step-00000001.partial"]);
        File.WriteAllText(folder["step-00000002"], "a file");
        Assert.Null(TrainingState.OpenNewest(folder.Path, _warnings.Add));
        Assert.Empty(_warnings);
    }

    [Theory]
    [InlineData("manifest.json")]
    [InlineData("state-00001-of-00001.safetensors")]
    [InlineData("model/model.safetensors")]
    [InlineData("model/config.json")]
    public void ABrokenCheckpointIsPassedOverByName(string file)
    {
        Action<string>[] damages = [File.Delete, FlipLastBit, CutInHalf, path => File.WriteAllText(path, "")];
        foreach (Action<string> damage in damages)
        {
            using TemporaryFolder folder = new();
            _warnings.Clear();
            CheckpointWriter writer = new(folder.Path, keep: 3);
            writer.Save(Checkpoint(1));
            damage(Path.Combine(writer.Save(Checkpoint(2)), file));
            using (TrainingState state = TrainingState.OpenNewest(folder.Path, _warnings.Add)!)
            {
                Assert.Equal(1, state.Manifest.Step);
            }

            string warning = Assert.Single(_warnings);
            Assert.Contains("step-00000002", warning, StringComparison.Ordinal);
            Assert.Contains(file, warning, StringComparison.Ordinal);

            // The run goes on: the broken one does not count as kept, and is replaced when its step comes again.
            writer.Save(Checkpoint(2));
            TrainingState.Open(folder["step-00000002"]).Dispose();
        }
    }

    [Fact]
    public void ABrokenLaterCheckpointDoesNotPushOutAWholeOne()
    {
        using TemporaryFolder folder = new();
        CheckpointWriter writer = new(folder.Path, keep: 1);
        Directory.CreateDirectory(folder["step-00000009"]);
        writer.Save(Checkpoint(3));
        writer.Save(Checkpoint(4));
        Assert.Equal([9, 4], CheckpointFolders.Steps(folder.Path));
    }

    [Fact]
    public void WhatResumingPassedOverDoesNotCountAsKept()
    {
        using TemporaryFolder folder = new();
        new CheckpointWriter(folder.Path, keep: 2).Save(Checkpoint(3));
        Directory.CreateDirectory(folder["step-00000005"]);
        Directory.CreateDirectory(folder["step-00000009"]);
        CheckpointWriter writer = new(folder.Path, keep: 2);
        writer.PassOver(resumedFrom: 3);
        writer.Save(Checkpoint(7));
        Assert.Equal([9, 7, 3], CheckpointFolders.Steps(folder.Path));
        writer.Save(Checkpoint(9));
        Assert.Equal([9, 7], CheckpointFolders.Steps(folder.Path));
    }

    [Fact]
    public void WhereNoneIsWholeNothingIsLost()
    {
        using TemporaryFolder folder = new();
        FlipLastBit(Path.Combine(new CheckpointWriter(folder.Path, keep: 1).Save(Checkpoint(1)), "state-00001-of-00001.safetensors"));
        CamelsException refused = Assert.Throws<CamelsException>(() => TrainingState.OpenNewest(folder.Path, _warnings.Add));
        Assert.Equal(ExitCode.BadInput, refused.Code);
        Assert.True(Directory.Exists(folder["step-00000001"]));
    }

    [Fact]
    public void ACheckpointUnderAnotherStepsNameIsNotWhole()
    {
        using TemporaryFolder folder = new();
        Directory.Move(new CheckpointWriter(folder.Path, keep: 1).Save(Checkpoint(1)), folder["step-00000005"]);
        Assert.Throws<CamelsException>(() => TrainingState.OpenNewest(folder.Path, _warnings.Add));
        Assert.Contains("is of step 1", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatAKilledWriterLeftIsClearedUp()
    {
        using TemporaryFolder folder = new();
        CheckpointWriter writer = new(folder.Path, keep: 5);
        Directory.Move(writer.Save(Checkpoint(1)), folder[".step-00000001.replaced"]);
        Directory.CreateDirectory(folder[".step-00000002.partial/model"]);
        using (TrainingState state = TrainingState.OpenNewest(folder.Path, _warnings.Add)!)
        {
            Assert.Equal(1, state.Manifest.Step);
        }

        Assert.Equal([folder["step-00000001"]], Directory.GetFileSystemEntries(folder.Path));
    }

    [Theory]
    [InlineData("\"format\": \"camels checkpoint 2\"", "\"format\": \"other\"", "format is \"other\"")]
    [InlineData("model/config.json", "../config.json", "path is \"../config.json\"")]
    [InlineData("model/config.json", "/etc/passwd", "path is \"/etc/passwd\"")]
    [InlineData("model/config.json", "a/./b", "path is")]
    [InlineData("\"step\": 1", "\"step\": -1", "step is -1")]
    [InlineData("\"files\"", "\"flies\"", "files is missing")]
    public void ManifestsAreChecked(string text, string replacement, string refusal)
    {
        using TemporaryFolder folder = new();
        string path = new CheckpointWriter(folder.Path, keep: 1).Save(Checkpoint(1));
        string manifest = Path.Combine(path, CheckpointManifest.Name);
        string changed = File.ReadAllText(manifest).Replace(text, replacement, StringComparison.Ordinal);
        File.WriteAllText(manifest, changed);
        CamelsException refused = Assert.Throws<CamelsException>(() => TrainingState.Open(path));
        Assert.Contains(refusal, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnyDamagedBitOfAManifestIsNoticed()
    {
        using TemporaryFolder folder = new();
        string path = new CheckpointWriter(folder.Path, keep: 1).Save(Checkpoint(1));
        string manifest = Path.Combine(path, CheckpointManifest.Name);
        byte[] written = File.ReadAllBytes(manifest);
        int unnoticed = 0;
        for (int bit = 0; bit < 8 * written.Length; bit++)
        {
            byte[] damaged = [.. written];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            File.WriteAllBytes(manifest, damaged);
            try
            {
                // Only white space can have become another, which changes nothing that is read.
                Assert.Equal(written, CheckpointManifest.Read(path).ToJson());
                unnoticed++;
            }
            catch (CamelsException refused)
            {
                Assert.Equal(ExitCode.BadInput, refused.Code);
            }
        }

        Assert.InRange(unnoticed, 0, 8 * written.Count(b => b is (byte)' ' or (byte)'\n'));
    }

    [Fact]
    public void NoChangeOfAManifestDoesMoreThanRefuseIt()
    {
        using TemporaryFolder folder = new();
        string path = new CheckpointWriter(folder.Path, keep: 1).Save(Checkpoint(1));
        string manifest = Path.Combine(path, CheckpointManifest.Name);
        Fuzz.Run(File.ReadAllBytes(manifest), cases: 300, bytes =>
        {
            File.WriteAllBytes(manifest, bytes);
            TrainingState.Open(path).Dispose();
        });
    }

    [Fact]
    public void ARehearsalLeavesNothingAndTellsTheSize()
    {
        using TemporaryFolder folder = new();
        CheckpointWriter writer = new(folder["c"], keep: int.MaxValue);
        (long bytes, double seconds) = writer.Rehearse(Checkpoint(0, elements: 5000), checkpointsToCome: 3);
        Assert.Empty(Directory.GetFileSystemEntries(folder["c"]));
        long saved = Directory.GetFiles(writer.Save(Checkpoint(1, elements: 5000)), "*", SearchOption.AllDirectories).Sum(f => new FileInfo(f).Length);
        Assert.InRange(bytes, saved, saved + (1 << 18));
        Assert.True(seconds > 0);
    }

    [Fact]
    public void ARehearsalRefusesWhatTheDiskCannotKeep()
    {
        using TemporaryFolder folder = new();
        long free = new DriveInfo(folder.Path).AvailableFreeSpace;
        CheckpointToWrite checkpoint = Checkpoint(0);
        checkpoint = checkpoint with { State = [new TensorToWrite("huge", StoredType.U8, [free / 2], (_, _) => throw new InvalidOperationException())] };

        // What resuming passed over does not count among those that are there.
        Directory.CreateDirectory(folder["c/step-00000005"]);
        CheckpointWriter writer = new(folder["c"], keep: 2);
        writer.PassOver(resumedFrom: 3);
        CamelsException refused = Assert.Throws<CamelsException>(() => writer.Rehearse(checkpoint, checkpointsToCome: 9));
        Assert.Equal(ExitCode.RunFailed, refused.Code);
        Assert.Contains("3 more checkpoints", refused.Message, StringComparison.Ordinal);
        Assert.Contains("MB free", refused.Message, StringComparison.Ordinal);
    }

    internal static CheckpointToWrite Checkpoint(long step, int elements = 10) => new()
    {
        Step = step,
        Model = HuggingFaceFolderTests.Tiny(HuggingFaceFolderTests.TinyConfig),
        State =
        [
            new TensorToWrite("master/w", StoredType.F32, [elements], (offset, bytes) => Fill(bytes, offset, step)),
            new TensorToWrite("exp_avg/w", StoredTypes.Of(DType.F32), [elements], (offset, bytes) => Fill(bytes, offset, -step)),
            TensorToWrite.FromIntegers("counters", step, long.MaxValue - step),
        ],
        Origin = new CheckpointOrigin("cpu", "Vector512", "AVX512F", "model: {path: ü}\nseed: 42\n", "5d41", "77fe"),
    };

    private static void Fill(Span<byte> bytes, long offset, long step)
    {
        Span<float> values = MemoryMarshal.Cast<byte, float>(bytes);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = step + (((offset / 4) + i) * 0.001f);
        }
    }

    private static void FlipLastBit(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    private static void CutInHalf(string path) => File.WriteAllBytes(path, File.ReadAllBytes(path)[..(int)(new FileInfo(path).Length / 2)]);
}
