using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Puts a slice of a donor's value in place: of one token, one head, one unit of the last axis, or any combination.</summary>
/// <param name="Site">The place.</param>
/// <param name="Donor">The donor's value, [B, …] or [1, …]; zero where null. Borrowed.</param>
public sealed record SliceCell(HookSite Site, Tensor? Donor) : PatchCell(Site)
{
    /// <summary>One position of the token axis (of the query axis for patterns); all where null.</summary>
    public int? Token { get; init; }

    /// <summary>One head; all where null.</summary>
    public int? Head { get; init; }

    /// <summary>One neuron or channel of the last axis; all where null.</summary>
    public int? Unit { get; init; }

    /// <inheritdoc/>
    public override void Write(Tensor rows)
    {
        var view = Slice(rows);
        if (Donor is { } donor) view.copy_(Slice(donor));
        else view.zero_();
    }

    // The last axes first, so that the earlier ones keep their numbers.
    private Tensor Slice(Tensor value)
    {
        for (var axis = Site.Kind.Axes.Count - 1; axis >= 0; axis--)
        {
            var index = Site.Kind.Axes[axis] switch
            {
                Axis.Token or Axis.Patch or Axis.Query => Token,
                Axis.Head => Head,
                Axis.Neuron or Axis.Model or Axis.HeadWidth => Unit,
                _ => null,
            };
            if (index is not { } one) continue;
            if (one < 0 || one >= value.shape[axis])
                throw new OptionsException($"{Site} has {value.shape[axis]} places on its {Site.Kind.Axes[axis].ToString().ToLowerInvariant()} axis (0 to {value.shape[axis] - 1}); {one} was asked for.");
            value = value.select(axis, one);
        }
        return value;
    }
}
