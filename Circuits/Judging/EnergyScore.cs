using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>
/// The energy-based pointing game: where the positive part of a map lies on the original picture. A map that knows nothing puts on an
/// object what its area deserves. Parts of the picture that the model did not see count nowhere.
/// </summary>
/// <param name="OnTarget">Sum of positive values on the target's mask.</param>
/// <param name="OnOthers">On the other objects' masks.</param>
/// <param name="OnGround">On everything else.</param>
/// <param name="TargetArea">Seen pixels of the target's mask.</param>
/// <param name="OthersArea">Of the other objects' masks.</param>
/// <param name="GroundArea">Of everything else.</param>
public sealed record EnergyScore(double OnTarget, double OnOthers, double OnGround, long TargetArea, long OthersArea, long GroundArea)
{
    /// <summary>The target's share of the energy on all objects; 0 where no energy lies on any.</summary>
    public double AmongObjects => Share(OnTarget, OnTarget + OnOthers);

    /// <summary>The target's share of the area of all objects.</summary>
    public double AreaAmongObjects => Share(TargetArea, TargetArea + OthersArea);

    /// <summary>The target's share of all energy.</summary>
    public double OfPicture => Share(OnTarget, OnTarget + OnOthers + OnGround);

    /// <summary>The target's share of the seen picture.</summary>
    public double AreaOfPicture => Share(TargetArea, TargetArea + OthersArea + GroundArea);

    /// <summary>Measures a map against masks [height, width] of the original picture.</summary>
    /// <exception cref="ShapeException">A mask is not as large as the original picture.</exception>
    public static EnergyScore Of(Heatmap map, bool[] target, bool[]? others = null, HeatmapSampling sampling = HeatmapSampling.Bilinear)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(target);
        Masks.Check(map, target);
        if (others is not null) Masks.Check(map, others);
        Span<double> energy = [0, 0, 0];
        Span<long> area = [0, 0, 0];
        var values = map.OnPicture(0, sampling);
        for (var k = 0; k < values.Length; k++)
        {
            if (float.IsNaN(values[k])) continue;
            var kind = target[k] ? 0 : others is not null && others[k] ? 1 : 2;
            energy[kind] += Math.Max(0, values[k]);
            area[kind]++;
        }
        return new EnergyScore(energy[0], energy[1], energy[2], area[0], area[1], area[2]);
    }

    private static double Share(double part, double whole) => whole > 0 ? part / whole : 0;
}
