using Prisma.Core;
using Prisma.Vision;
using TorchSharp;

namespace Prisma.Bench;

/// <summary>Our side: the model as a user loads it, and one batch of pixels.</summary>
internal sealed class Subject : IDisposable
{
    private readonly HookedModel _model;
    private readonly torch.Tensor _pixels;
    private readonly HookPlan _residuals;

    private Subject(HookedModel model, torch.Tensor pixels)
    {
        (_model, _pixels) = (model, pixels);
        _residuals = HookPlan.Empty.Keep(Site.ResidPre, ..).Keep(Site.ResidMid, ..).Keep(Site.ResidPost, ..);
    }

    public static Subject Load(string folder, int batch)
    {
        using var scope = torch.NewDisposeScope();
        return new(Models.Load(folder), torch.tensor(Pixels(batch), [batch, 3, 224, 224]).DetachFromDisposeScope());
    }

    /// <summary>A ViT-B of random weights with a classifier. Dispose it.</summary>
    public static HookedModel VitBase(int patch) => new VitFamily().Random(
        new VitConfig { Width = 768, Layers = 12, Heads = 12, Hidden = 3072, Patch = patch, Image = 224, Head = VitHead.Classifier, Classes = 1000 }, seed: 0);

    /// <summary>A video model and one clip [1, frames, 3, 224, 224].</summary>
    public static Subject LoadVideo(string folder, int frames)
    {
        using var scope = torch.NewDisposeScope();
        return new(Models.Load(folder), torch.tensor(Pixels(frames), [1, frames, 3, 224, 224]).DetachFromDisposeScope());
    }

    /// <summary>A smooth pattern that differs from image to image: [batch, 3, 224, 224], about -1 to 1.</summary>
    public static float[] Pixels(int batch) =>
        [.. Enumerable.Range(0, batch * 3 * 224 * 224).Select(i => MathF.Sin(i * 0.01f) * MathF.Cos(i * 0.00003f))];

    public torch.Tensor Logits()
    {
        using var recording = _model.Run(_pixels, HookPlan.Empty);
        return recording.Main.clone();
    }

    public void Forward() => _model.Run(_pixels, HookPlan.Empty).Dispose();

    public void Record() => _model.Run(_pixels, _residuals).Dispose();

    public void Dispose()
    {
        _pixels.Dispose();
        _model.Dispose();
    }
}
