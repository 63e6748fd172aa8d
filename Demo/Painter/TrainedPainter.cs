namespace Prisma.Demo;

/// <summary>The trained text-to-image model. Owns it.</summary>
public sealed class TrainedPainter : IDisposable
{
    private readonly TrainablePainter _painter;
    private readonly double _scaling;
    private readonly bool _wentOn;

    internal TrainedPainter(TrainablePainter painter, double scaling, bool wentOn) => (_painter, _scaling, _wentOn) = (painter, scaling, wentOn);

    /// <summary>Writes a folder in diffusers' layout, weights in 16 bits. Replaces such files.</summary>
    /// <exception cref="Core.PrismaException">A file cannot be written.</exception>
    public void Save(string folder) => _painter.Files.Write(folder, _painter, _scaling, Readme());

    /// <inheritdoc/>
    public void Dispose() => _painter.Dispose();

    private string Readme()
    {
        DemoPainterOptions options = _painter.Options;
        return $"""
            # A small text-to-image model

            Stable Diffusion XL's parts, small: two CLIP text encoders (widths {string.Join(" and ", options.TextWidths)}), a U-net (channels {string.Join(", ", options.Channels)}; transformers at its lowest
            level, of which the middle four look at the text), an autoencoder that makes {CaptionedPicture.Side} × {CaptionedPicture.Side} pixels of 24 × 24 latents, and Euler ancestral sampling as in SDXL-Turbo. Stored as diffusers'
            `StableDiffusionXLPipeline`. It paints captions such as "{CaptionedPicture.Draw(SceneSplit.HeldOut, 0, 1)[0].Caption}" in {options.PaintingSteps} steps without guidance.

            Made by `./prisma demo train diffusion` on pictures that the project draws itself (`Demo/Pictures`): {options.VaeSteps} steps of the autoencoder on pieces of pictures,
            {options.Steps} steps of {options.BatchSize} for the U-net and the text encoders (velocity prediction, in which the object's surroundings count four times; {options.Pictures} pictures under fresh noise; three quarters of them at the times that
            {options.PaintingSteps}-step sampling asks; {100 * options.NoCaption:F0} % of the captions left out; the pooled text
            says nothing{(_wentOn ? "; these steps went on from earlier weights" : "")}); Muon ({options.MatrixLearningRate}) for the transformers' matrices, AdamW
            ({options.LearningRate}) for the rest; seed {options.Seed}. The weights are under the project's licence.
            """;
    }
}
