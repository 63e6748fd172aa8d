using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>What a row of tensors feels, summed over several passes; null where nothing reached one.</summary>
internal sealed class SparseFelt(int count)
{
    private readonly Tensor?[] _sums = new Tensor?[count];

    /// <summary>One tensor's gradient.</summary>
    internal Tensor? this[int place] => _sums[place];

    /// <summary>Adds to one.</summary>
    internal void Add(int place, Tensor gradient) => _sums[place] = _sums[place] is { } sum ? sum + gradient : gradient;

    /// <summary>Adds the first gradients of a list, one for each.</summary>
    internal void Add(IList<Tensor> gradients)
    {
        for (var k = 0; k < _sums.Length; k++)
            if (gradients[k] is not null) Add(k, gradients[k]);
    }
}
