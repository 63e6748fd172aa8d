namespace Prisma.Demo;

/// <summary>A trained vision transformer with its recipe and its accuracy. Owns the parameters.</summary>
public sealed class TrainedVit : IDisposable
{
    private readonly VitNetwork _network;

    internal TrainedVit(VitNetwork network, DemoVitOptions options, double accuracy) => (_network, Options, Accuracy) = (network, options, accuracy);

    /// <summary>How it was built and trained.</summary>
    public DemoVitOptions Options { get; }

    /// <summary>The share of held-out scenes whose shape it names.</summary>
    public double Accuracy { get; }

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();
}
