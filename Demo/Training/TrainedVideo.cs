using Prisma.Video;

namespace Prisma.Demo;

/// <summary>A trained video transformer with its recipe and its accuracy. Owns the model.</summary>
public sealed class TrainedVideo : IDisposable
{
    internal TrainedVideo(VideoMae model, DemoVideoOptions options, double accuracy) => (Model, Options, Accuracy) = (model, options, accuracy);

    /// <summary>The model. Borrowed.</summary>
    public VideoMae Model { get; }

    /// <summary>How it was built and trained.</summary>
    public DemoVideoOptions Options { get; }

    /// <summary>The share of held-out clips that it names.</summary>
    public double Accuracy { get; }

    /// <summary>Writes a folder in VideoMAE's layout: weights, configuration, preprocessing, and how it was made. Replaces such files.</summary>
    /// <exception cref="Core.PrismaException">A file cannot be written.</exception>
    public void Save(string folder) => VideoCheckpoint.Write(folder, this);

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();
}
