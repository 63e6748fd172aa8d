using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Running sums of one loss over items. Plain numbers only.</summary>
internal sealed class LossSums
{
    private long _items;
    private double _clean, _spliced, _zero, _mean;
    private bool _hasMean = true;

    internal void Add(Tensor clean, Tensor spliced, Tensor zero, Tensor? mean)
    {
        _items += clean.numel();
        _clean += Sum(clean, clean.numel());
        _spliced += Sum(spliced, clean.numel());
        _zero += Sum(zero, clean.numel());
        if (mean is null) _hasMean = false;
        else _mean += Sum(mean, clean.numel());
    }

    internal LossRow Row(string name) => _items == 0
        ? throw new OptionsException($"The loss '{name}' has no items: every position was masked.")
        : new LossRow(name, _items, _clean / _items, _spliced / _items, _zero / _items, _hasMean ? _mean / _items : double.NaN);

    private static double Sum(Tensor losses, long items)
    {
        using var scope = NewDisposeScope();
        if (losses.numel() != items) throw new ShapeException($"A loss has {losses.numel()} items in one pass and {items} in another.");
        return losses.to(float64).sum().item<double>();
    }
}
