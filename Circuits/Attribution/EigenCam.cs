using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Eigen-CAM (Muhammad and Yeasin 2020): the patches' coordinates along the direction in which their values differ most. It asks for no
/// target and no gradient: it shows what stands out, not what the answer rests on.
/// </summary>
public sealed class EigenCam : ActivationMap
{
    /// <inheritdoc/>
    public override string Name => "eigen-cam";

    /// <inheritdoc/>
    public override string Summary => "first principal component of the tokens entering a block's attention (Eigen-CAM)";

    /// <inheritdoc/>
    public override string Meaning => "positive part of the patch's coordinate along the direction in which patches differ most";

    /// <inheritdoc/>
    public override bool UsesTarget => false;

    /// <summary>The map of values.</summary>
    /// <param name="a">[B, N, d]. Borrowed.</param>
    /// <returns>[B, N], 0 or more.</returns>
    public static Tensor Project(Tensor a)
    {
        ArgumentNullException.ThrowIfNull(a);
        using var scope = NewDisposeScope();
        var centred = (a - a.mean([1], keepdim: true)).to(ScalarType.Float32);
        var (_, _, directions) = linalg.svd(centred, fullMatrices: false);
        var along = centred.matmul(directions.narrow(1, 0, 1).transpose(1, 2)).squeeze(2);
        // A direction has no sign of its own: what stands out farther counts as the object.
        var flip = along.amin([1], keepdim: true).neg().gt(along.amax([1], keepdim: true));
        return where(flip, along.neg(), along).relu().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        var site = Place(task);
        return new Finding(Project(Read(task, site)), FindingKind.PerPlace, site.ToString());
    }
}
