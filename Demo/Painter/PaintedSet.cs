using Prisma.Core;
using Prisma.Diffusion;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>Pictures painted from captions, and how much every feature fired in each. Owns its tensors.</summary>
internal sealed class PaintedSet : IDisposable
{
    private const int AtOnce = 50;

    private PaintedSet(PictureIntervention intervention, IReadOnlyList<CaptionedPicture> pictures, IReadOnlyDictionary<HookSite, Tensor> means) =>
        (Intervention, Pictures, Means) = (intervention, pictures, means);

    public PictureIntervention Intervention { get; }

    public IReadOnlyList<CaptionedPicture> Pictures { get; }

    /// <summary>Each place's mean activations: [pictures, features].</summary>
    public IReadOnlyDictionary<HookSite, Tensor> Means { get; }

    public static PaintedSet Paint(TextToImage painter, PictureIntervention intervention, SceneSplit split, int count, CancellationToken stop)
    {
        IReadOnlyList<CaptionedPicture> pictures = CaptionedPicture.Draw(split, 0, count);
        using var scope = NewDisposeScope();
        var parts = intervention.Sites.ToDictionary(site => site, _ => new List<Tensor>());
        for (int first = 0; first < count; first += AtOnce)
        {
            stop.ThrowIfCancellationRequested();
            using Generation made = painter.Generate(Options(pictures.Skip(first).Take(AtOnce), first) with { Decodes = false }, intervention.Kept());
            foreach (HookSite site in intervention.Sites) parts[site].Add(intervention.MeansOf(site, made));
        }
        return new PaintedSet(intervention, pictures, parts.ToDictionary(pair => pair.Key, pair => cat(pair.Value).DetachFromDisposeScope()));
    }

    /// <summary>How the demo paints.</summary>
    public static GenerateOptions Options(IEnumerable<CaptionedPicture> pictures, long seed) =>
        new() { Prompts = [.. pictures.Select(picture => picture.Caption)], Steps = new DemoPainterOptions().PaintingSteps, Seed = seed };

    /// <summary>The numbers of the pictures whose caption gives this answer.</summary>
    public IReadOnlyList<int> With(PictureTrait trait, int answer) => [.. Enumerable.Range(0, Pictures.Count).Where(i => Pictures[i][trait] == answer)];

    public void Dispose()
    {
        foreach (Tensor mean in Means.Values) mean.Dispose();
    }
}
