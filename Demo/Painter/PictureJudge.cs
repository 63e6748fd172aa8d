using Prisma.Core;
using Prisma.Vision;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Prisma.Demo;

/// <summary>
/// A small ViT that says what a painted picture shows, trait by trait: an answer that comes from elsewhere than the painter. Trained on drawn
/// pictures, some of them blurred and noisy, as a painter's may be. Owns the model.
/// </summary>
public sealed class PictureJudge : IDisposable
{
    private const int EvaluationBatch = 100, HeldOut = 1000, Steps = 1800, BatchSize = 48;
    private const float Noise = 0.15f;
    private const string ModelName = "prisma-net/demo-judge";

    private static readonly VitConfig _config = new()
    {
        Width = 64,
        Layers = 4,
        Heads = 4,
        Hidden = 128,
        Patch = 12,
        Image = CaptionedPicture.Side,
        Eps = TrainableVit.Eps,
        Head = VitHead.Classifier,
        Classes = PictureTraits.Outputs,
    };

    private static readonly TrainingRecipe _recipe = new()
    {
        Steps = Steps,
        BatchSize = BatchSize,
        Shards = 1,
        WarmUp = 50,
        MatrixLearningRate = 0.02,
        LearningRate = 2e-3,
        WeightDecay = 0.05,
        GradientNorm = 1,
    };

    private readonly HookedModel _model;

    private PictureJudge(HookedModel model) => _model = model;

    /// <summary>Reads a judge that was saved.</summary>
    /// <exception cref="CheckpointException">The folder holds no such model.</exception>
    public static PictureJudge Load(string folder) => new(Models.Load(folder));

    /// <summary>Trains one on freshly drawn pictures. The caller disposes it.</summary>
    public static PictureJudge Train(IProgress<TrainingProgress> progress, CancellationToken stop = default)
    {
        var model = new Vit(_config);
        try
        {
            using (var random = new Generator(1)) TrainableVit.Start(model, _config, random);
            var matrices = model.Weights.Where(named => named.Name.StartsWith("blocks.", StringComparison.Ordinal) && named.Weight.Shape.Count == 2).ToList();
            using var trainer = new ShardedTrainer(Parameters(matrices), Parameters(model.Weights.Except(matrices)), _recipe, (first, count) => Loss(model, first, count));
            trainer.Run(progress, stop);
            return new PictureJudge(model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The share of held-out drawn pictures of which it names a trait, for every trait.</summary>
    public IReadOnlyDictionary<PictureTrait, double> Accuracy(int pictures = HeldOut)
    {
        var right = PictureTraits.All.ToDictionary(trait => trait, _ => 0.0);
        for (int first = 0; first < pictures; first += EvaluationBatch)
        {
            IReadOnlyList<CaptionedPicture> drawn = CaptionedPicture.Draw(SceneSplit.HeldOut, first, Math.Min(EvaluationBatch, pictures - first));
            IReadOnlyList<PictureAnswer> answers = Judge(drawn.Select(picture => new RgbImage(CaptionedPicture.Side, CaptionedPicture.Side, ScenePainter.Paint(picture.ToScene(), CaptionedPicture.Side))));
            foreach (PictureTrait trait in PictureTraits.All) right[trait] += drawn.Zip(answers).Count(pair => pair.First[trait] == pair.Second[trait]) / (double)pictures;
        }
        return right;
    }

    /// <summary>What pictures of <see cref="CaptionedPicture.Side"/> pixels show.</summary>
    public IReadOnlyList<PictureAnswer> Judge(IEnumerable<RgbImage> pictures)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        return [.. pictures.Chunk(EvaluationBatch).SelectMany(Some)];
    }

    /// <summary>Writes a folder in Hugging Face's layout. Replaces such files.</summary>
    /// <exception cref="PrismaException">A file cannot be written.</exception>
    public void Save(string folder)
    {
        string rows = string.Join('\n', Accuracy().Select(pair => $"| {pair.Key.ToString().ToLowerInvariant()} | {100 * pair.Value:F1} % |"));
        string readme = $"""
            # A small ViT that says what a painted picture shows

            Judges what the demo's text-to-image model paints: shape, colour, place and ground, all at once. The classes are the answers of one trait after another; within
            a trait the largest counts. Trained by `./prisma demo train diffusion` on pictures that the project draws (`Demo/Pictures`), half of them blurred and noisy: {Steps} steps of {BatchSize}.
            Stored as Hugging Face's `ViTForImageClassification`.

            | on {HeldOut} held-out drawn pictures | named |
            | --- | --- |
            {rows}
            """;
        new VitCheckpoint(ModelName, _config, [.. PictureTraits.All.SelectMany(trait => trait.Answers().Select(answer => $"{trait.ToString().ToLowerInvariant()}: {answer}"))], readme)
            .Write(folder, (Vit)_model);
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private IEnumerable<PictureAnswer> Some(RgbImage[] pictures)
    {
        const int side = CaptionedPicture.Side, values = 3 * side * side;
        using var scope = NewDisposeScope();
        var pixels = new float[pictures.Length * values];
        for (int i = 0; i < pictures.Length; i++)
        {
            if (pictures[i].Width != side || pictures[i].Height != side) throw new ShapeException($"A picture is {pictures[i].Width}x{pictures[i].Height}; the judge reads {side}x{side}.");
            SceneBatch.Normalise(pictures[i].Pixels, pixels.AsSpan(i * values, values));
        }
        Tensor logits = _model.Run(tensor(pixels, [pictures.Length, 3, side, side]));
        long[][] best = [.. PictureTraits.All.Select(trait => logits.narrow(1, trait.FirstOutput(), trait.Answers().Count).argmax(1).data<long>().ToArray())];
        return [.. Enumerable.Range(0, pictures.Length).Select(i => new PictureAnswer([.. best.Select(trait => (int)trait[i])]))];
    }

    private static (Tensor Loss, double Right) Loss(Vit model, long first, int count)
    {
        IReadOnlyList<CaptionedPicture> drawn = CaptionedPicture.Draw(SceneSplit.Training, first, count);
        using var scope = NewDisposeScope();
        Tensor pixels = tensor(CaptionedPicture.Pixels(drawn), [count, 3, CaptionedPicture.Side, CaptionedPicture.Side]);
        Tensor small = functional.interpolate(pixels, [CaptionedPicture.Side / 2, CaptionedPicture.Side / 2], mode: InterpolationMode.Bilinear);
        Tensor spoilt = functional.interpolate(small, [CaptionedPicture.Side, CaptionedPicture.Side], mode: InterpolationMode.Bilinear);
        spoilt = spoilt + spoilt.randn_like() * Noise;
        Tensor half = tensor(Enumerable.Range(0, count).Select(i => (float)(i % 2)).ToArray()).view(-1, 1, 1, 1);
        using Recording recording = model.Run(pixels * half + spoilt * (1 - half), HookPlan.Empty.ForTraining());
        Tensor loss = zeros(1);
        double right = 0;
        foreach (PictureTrait trait in PictureTraits.All)
        {
            Tensor logits = recording.Main.narrow(1, trait.FirstOutput(), trait.Answers().Count), labels = tensor(drawn.Select(picture => (long)picture[trait]).ToArray());
            loss = loss + functional.cross_entropy(logits, labels);
            right += logits.argmax(1).eq(labels).to(float32).mean().item<float>() / PictureTraits.All.Count;
        }
        return (loss.sum().MoveToOuterDisposeScope(), right);
    }

    private static IEnumerable<Parameter> Parameters(IEnumerable<(string Name, Weight Weight)> weights) => weights.Select(named => (Parameter)named.Weight.Value);
}
