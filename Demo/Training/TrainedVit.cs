using Prisma.Vision;

namespace Prisma.Demo;

/// <summary>A trained vision transformer with its recipe and its accuracy. Owns the model.</summary>
public sealed class TrainedVit : IDisposable
{
    private readonly TrainableVit _vit;

    internal TrainedVit(TrainableVit vit, double accuracy) => (_vit, Accuracy) = (vit, accuracy);

    /// <summary>The model. Borrowed.</summary>
    public Vit Model => _vit.Model;

    /// <summary>How it was built and trained.</summary>
    public DemoVitOptions Options => _vit.Options;

    /// <summary>The share of held-out scenes whose shape it names.</summary>
    public double Accuracy { get; }

    /// <summary>Writes a folder in Hugging Face's layout: weights, configuration, preprocessing, and how it was made. Replaces such files.</summary>
    /// <exception cref="Core.PrismaException">A file cannot be written.</exception>
    public void Save(string folder, BaselineReport baselines) =>
        new VitCheckpoint(DemoSae.ModelName, _vit.Config, [.. Enum.GetNames<ShapeKind>().Select(name => name.ToLowerInvariant())], Readme(baselines)).Write(folder, Model);

    /// <inheritdoc/>
    public void Dispose() => _vit.Dispose();

    private string Readme(BaselineReport baselines)
    {
        DemoVitOptions options = Options;
        return $"""
            # A small ViT that names {Scene.Rule}

            Trained by this project on scenes that it draws itself (`Demo/Scenes`): 2–4 objects of {Enum.GetValues<ShapeKind>().Length} shapes, {Enum.GetValues<ColourKind>().Length} colours and {Enum.GetValues<TextureKind>().Length} textures on
            patterned grounds, {Scene.Width} × {Scene.Width} pixels. The class is {Scene.Rule}; dark outlines, other objects and
            specks of colour distract. Stored as Hugging Face's `ViTForImageClassification`.

            | on {options.HeldOut} held-out scenes | accuracy |
            | --- | --- |
            | this model | {Percent(Accuracy)} |
            | linear probe on pixels ({baselines.TrainingScenes} training scenes) | {Percent(baselines.PixelProbe)} |
            | colour-histogram classifier (the same scenes) | {Percent(baselines.ColourHistogram)} |
            | always the most frequent class | {Percent(baselines.MostFrequent)} |

            Made by `./prisma demo train vit`: {options.Layers} blocks of width {options.Width} with {options.Heads} heads, MLP {options.Hidden}, patches of {options.Patch}; {options.Steps} steps of
            {options.BatchSize} new scenes each; Muon (learning rate {options.MatrixLearningRate}) for the blocks' matrices and AdamW ({options.LearningRate}) for the rest, {options.WarmUp} steps of
            warm-up, then a cosine to zero; weight decay {options.WeightDecay}; seed {options.Seed}. While training, a second head names shape, colour, texture
            and mark of what each patch shows; it is not part of the checkpoint. The weights are under the project's licence.
            """;
    }

    private static string Percent(double share) => (100 * share).ToString("F1") + " %";
}
