using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>What named parts of a model add straight to a logit. Managed memory only.</summary>
/// <param name="Target">The logit, in words.</param>
/// <param name="Labels">The parts' names.</param>
/// <param name="Values">For each part one number per example.</param>
/// <param name="Logits">The logit of each example.</param>
public sealed record DirectParts(string Target, IReadOnlyList<string> Labels, IReadOnlyList<float[]> Values, IReadOnlyList<float> Logits)
{
    /// <summary>The mean over the examples of a part.</summary>
    public double Mean(int part) => Values[part].Average();

    internal sealed class Builder
    {
        private readonly List<string> _labels = [];
        private readonly List<float[]> _values = [];

        internal void Add(string label, Tensor values)
        {
            _labels.Add(label);
            _values.Add(Numbers.Of(values));
        }

        internal DirectParts Build(LogitDirection direction) => new(direction.Name, _labels, _values, Numbers.Of(direction.Logit));
    }
}
