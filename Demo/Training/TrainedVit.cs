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
    public void Save(string folder, BaselineReport baselines) => VitCheckpoint.Write(folder, this, baselines);

    /// <inheritdoc/>
    public void Dispose() => _vit.Dispose();
}
