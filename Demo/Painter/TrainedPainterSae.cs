using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Demo;

/// <summary>A sparse autoencoder on what one block of the demo's U-net adds, with its recipe and its fidelity. Owns the coder.</summary>
public sealed class TrainedPainterSae : IDisposable
{
    private readonly PainterSaeOptions _options;

    internal TrainedPainterSae(Coder coder, HookSite site, PainterSaeOptions options, FidelityReport fidelity) => (Coder, Site, _options, Fidelity) = (coder, site, options, fidelity);

    /// <summary>The coder. Borrowed.</summary>
    public Coder Coder { get; }

    /// <summary>The place that it reads.</summary>
    public HookSite Site { get; }

    /// <summary>Its fidelity on pictures of held-out captions.</summary>
    public FidelityReport Fidelity { get; }

    /// <summary>Writes it below a folder in sdxl-unbox's layout, whose folder's name says the place and the recipe. Replaces such files.</summary>
    /// <exception cref="PrismaException">A file cannot be written.</exception>
    public void Save(string folder)
    {
        string block = Site.ToString().Replace(".hook_update", "", StringComparison.Ordinal);
        new SdxlUnboxWriter().Write(Coder, Path.Combine(folder, $"{block}_k{_options.K}_hidden{_options.Features}_auxk0_bs{_options.BatchRows}_lr{_options.LearningRate}"), ExistingFile.Replace);
    }

    /// <inheritdoc/>
    public void Dispose() => Coder.Dispose();
}
