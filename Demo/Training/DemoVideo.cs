using Prisma.Core;
using Prisma.Sae;
using Prisma.Video;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Prisma.Demo;

/// <summary>Trains the demo's video transformer: it says what the one changing object of a drawn clip does.</summary>
public static class DemoVideo
{
    /// <summary>What the model calls itself; its coder names it as the model it was trained on.</summary>
    public const string ModelName = "prisma-net/demo-video";

    internal const double Eps = 1e-6;
    private const int EvaluationBatch = 100;

    /// <summary>How its sparse autoencoder is trained.</summary>
    public static DemoSaeOptions SaeOptions { get; } = new()
    {
        Layer = 1,
        Features = 512,
        K = 16,
        Steps = 1000,
        TrainingScenes = 1500,
        HeldOut = 500,
        Subject = "the demo's video transformer",
        TokensRead = "all tokens",
        Examples = "clips",
        Verb = "demo train video",
        Pixels = MotionBatch.Side,
    };

    /// <summary>Trains on freshly drawn clips and measures the accuracy on held-out ones. The caller disposes the result.</summary>
    /// <exception cref="OptionsException">The options do not hold.</exception>
    public static TrainedVideo Train(DemoVideoOptions options, IProgress<TrainingProgress> progress, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var model = Started(options);
        try
        {
            var trained = model.Weights.Where(named => named.Name != "pos_embed").ToList();
            var matrices = trained.Where(named => named.Name.StartsWith("blocks.", StringComparison.Ordinal) && named.Weight.Shape.Count == 2).ToList();
            using (var trainer = new ShardedTrainer(Parameters(matrices), Parameters(trained.Except(matrices)), options.Recipe, (first, count) => Loss(model, first, count)))
                trainer.Run(progress, stop);
            Forget(model, options.Width);
            return new TrainedVideo(model, options, Accuracy(model, options.HeldOut, stop));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Trains the sparse autoencoder on the model's tokens. The caller disposes the result.</summary>
    public static TrainedSae TrainSae(HookedModel model, DemoSaeOptions options, ITrainSink progress, CancellationToken stop = default) =>
        DemoSae.Train(model, options, (split, first, count) => Pixels(MotionBatch.Draw(split, first, count)), ModelName, progress, stop);

    /// <summary>The share of held-out clips whose kind a model names.</summary>
    public static double Accuracy(HookedModel model, int clips, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfLessThan(clips, 1);
        long right = 0;
        for (int first = 0; first < clips; first += EvaluationBatch)
        {
            stop.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            MotionBatch batch = MotionBatch.Draw(SceneSplit.HeldOut, first, Math.Min(EvaluationBatch, clips - first));
            right += model.Run(Pixels(batch)).argmax(1).eq(tensor(batch.Labels)).sum().item<long>();
        }
        return right / (double)clips;
    }

    /// <summary>The clips as a model takes them, [N, T, 3, 32, 32].</summary>
    internal static Tensor Pixels(MotionBatch batch) => tensor(batch.Pixels, [batch.Clips.Count, MotionClip.Frames, 3, MotionBatch.Side, MotionBatch.Side]);

    private static IEnumerable<Parameter> Parameters(IEnumerable<(string Name, Weight Weight)> weights) => weights.Select(named => (Parameter)named.Weight.Value);

    private static VideoMae Started(DemoVideoOptions options)
    {
        var config = new VideoMaeConfig
        {
            Width = options.Width,
            Layers = options.Layers,
            Heads = options.Heads,
            Hidden = options.Hidden,
            Patch = (options.Patch, options.Patch),
            Image = (MotionBatch.Side, MotionBatch.Side),
            Frames = MotionClip.Frames,
            Tubelet = options.Tubelet,
            Eps = Eps,
            Classes = MotionKinds.All.Count,
        };
        var model = new VideoMae(config);
        using var scope = NewDisposeScope();
        using var random = new Generator((ulong)options.Seed);
        foreach (var (name, weight) in model.Weights)
            weight.Set(name == "pos_embed" ? SinusoidTable.Of(config.Tokens, config.Width) : Parameter(StartValues.Of(name, [.. weight.Shape], options.Layers, random)));
        return model;
    }

    private static (Tensor Loss, double Right) Loss(VideoMae model, long first, int count)
    {
        MotionBatch batch = MotionBatch.Draw(SceneSplit.Training, first, count);
        using var scope = NewDisposeScope();
        using Recording recording = model.Run(Pixels(batch), HookPlan.Empty.ForTraining());
        Tensor labels = tensor(batch.Labels), loss = functional.cross_entropy(recording.Main, labels);
        double right = recording.Main.argmax(1).eq(labels).to(float32).mean().item<float>();
        return (loss.MoveToOuterDisposeScope(), right);
    }

    // Keys have no bias in VideoMAE. One changes no answer, since the softmax takes away what all keys share, so whatever drifted there goes.
    private static void Forget(VideoMae model, int width)
    {
        using var frozen = no_grad();
        foreach (var (name, weight) in model.Weights)
            if (name.EndsWith(".attn.qkv.bias", StringComparison.Ordinal)) weight.Value.narrow(0, width, width).zero_();
    }
}
