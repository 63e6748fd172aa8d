using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// The steps of one run: which time steps, and what happens to the sample at each. Immutable. Samples are float32; results belong to the
/// caller or its scope.
/// </summary>
public abstract class Schedule
{
    /// <summary>A schedule of these time steps, from the noisiest down.</summary>
    private protected Schedule(IReadOnlyList<double> timesteps, bool whole, double startSigma) => (Timesteps, IsWhole, StartSigma) = (timesteps, whole, startSigma);

    /// <summary>The time steps in the order of the run.</summary>
    public IReadOnlyList<double> Timesteps { get; }

    /// <summary>Whether the time steps are whole numbers by type, as the reference passes them to the U-net.</summary>
    public bool IsWhole { get; }

    /// <summary>The standard deviation of the noise that the run starts from.</summary>
    public double StartSigma { get; }

    /// <summary>Whether a step adds noise.</summary>
    public abstract bool UsesNoise { get; }

    /// <summary>One time step as the U-net takes it. The caller disposes it.</summary>
    public Tensor TimestepAt(int step) => IsWhole ? tensor((long)Timesteps[step]) : tensor((float)Timesteps[step]);

    /// <summary>All time steps, int64 or float32 [K]. The caller disposes them.</summary>
    public Tensor AllTimesteps() => IsWhole
        ? tensor(Timesteps.Select(step => (long)step).ToArray())
        : tensor(Timesteps.Select(step => (float)step).ToArray());

    /// <summary>The sample as the U-net is to see it at a step.</summary>
    public abstract Tensor ModelInput(Tensor sample, int step);

    /// <summary>The sample after a step, and the clean sample that the prediction amounts to.</summary>
    /// <param name="prediction">What the U-net said.</param>
    /// <param name="sample">The sample before the step.</param>
    /// <param name="step">The number of the step.</param>
    /// <param name="noise">Unit noise of the sample's shape; only read where <see cref="UsesNoise"/> says so.</param>
    public abstract (Tensor Next, Tensor Clean) Advance(Tensor prediction, Tensor sample, int step, Tensor? noise);

    /// <summary>A clean sample with the noise of a time step.</summary>
    public abstract Tensor AddNoise(Tensor clean, Tensor noise, double timestep);

    private protected static Tensor Needed(Tensor? noise) => noise ?? throw new ArgumentNullException(nameof(noise), "This schedule adds noise at every step.");
}
