using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Some examples, ready to be run. Owns their tensors.</summary>
internal sealed class InputBatch(IReadOnlyList<int> examples, ModelInput input) : IDisposable
{
    internal IReadOnlyList<int> Examples => examples;

    internal ModelInput Input => input;

    /// <summary>Reads list after list in another thread, so that decoding and the model overlap.</summary>
    internal static Ahead<InputBatch> Read(IModelInputs inputs, IEnumerable<int[]> lists, CancellationToken stop) =>
        new("model inputs", _ => lists.Select(list => new InputBatch(list, inputs.Batch(list))), stop);

    public void Dispose()
    {
        foreach (var (_, tensor) in input) tensor.Dispose();
    }
}
