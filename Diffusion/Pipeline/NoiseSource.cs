using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// The random numbers of a run: given ones, or a generator of its own for each picture, one for each seed, drawn on the CPU in the order of the reference: start
/// noise first, then each step's.
/// </summary>
internal sealed class NoiseSource : IDisposable
{
    private readonly long[] _shape;
    private readonly Tensor? _steps;
    private readonly Generator[] _generators;

    internal NoiseSource(IReadOnlyList<long> seeds, long[] shape, Tensor? steps, int count)
    {
        if (steps is not null && !steps.shape.AsSpan().SequenceEqual([count, .. shape]))
            throw new ShapeException($"The steps' noises are [{string.Join(", ", steps.shape)}]; {count} steps of latents [{string.Join(", ", shape)}] need [{string.Join(", ", [count, .. shape])}].");
        (_shape, _steps) = (shape, steps);
        _generators = [.. seeds.Select(seed => new Generator(unchecked((ulong)seed)))];
    }

    internal Tensor Draw() => Draw(_shape);

    /// <summary>The noise of a step; <paramref name="step"/> counts the steps taken.</summary>
    internal Tensor ForStep(int step) => _steps is null ? Draw() : _steps[step].to(ScalarType.Float32);

    internal Tensor Draw(long[] shape)
    {
        using var scope = NewDisposeScope();
        return cat([.. _generators.Select(generator => randn([1, .. shape[1..]], generator: generator))]).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        foreach (var generator in _generators) generator.Dispose();
    }
}
