using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>Drawn scenes as examples for a model that takes pixels of 64 × 64; each is painted when it is asked for.</summary>
/// <param name="split">Which scenes.</param>
/// <param name="count">How many.</param>
public sealed class SceneInputs(SceneSplit split, int count) : IModelInputs
{
    /// <inheritdoc/>
    public int Count => count;

    /// <inheritdoc/>
    public string Fingerprint => $"{count} {split} scenes";

    /// <inheritdoc/>
    public string NameOf(int example) => $"{split} scene {example}";

    /// <inheritdoc/>
    public ModelInput Batch(IReadOnlyList<int> examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        using var scope = NewDisposeScope();
        var pixels = JudgedScenes.Pixels([.. examples.Select(example => SceneGenerator.Draw(split.Seed(example)))]);
        return pixels.DetachFromDisposeScope();
    }
}
