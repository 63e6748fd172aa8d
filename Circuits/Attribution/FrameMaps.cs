using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>Maps of single frames put together over time, for models that see one picture at a time.</summary>
public static class FrameMaps
{
    /// <summary>One map with as many time steps as there are maps.</summary>
    /// <param name="frames">Of one method on the frames of one clip, in order.</param>
    /// <exception cref="ShapeException">There are none, or their grids differ.</exception>
    public static AttributionMap Join(IReadOnlyList<AttributionMap> frames)
    {
        ArgumentNullException.ThrowIfNull(frames);
        var heatmap = Heatmap.OverTime([.. frames.Select(frame => frame.Heatmap)]);
        var targets = frames.GroupBy(frame => frame.Target).OrderByDescending(same => same.Count()).ToList();
        return frames[0] with
        {
            Heatmap = heatmap,
            Target = targets[0].Key,
            Score = frames.All(frame => frame.Score is not null) ? frames.Average(frame => frame.Score) : null,
            Gap = frames.All(frame => frame.Gap is not null) ? frames.Sum(frame => frame.Gap) : null,
            Note = $"Each frame was asked alone{(targets.Count > 1 ? $"; {frames.Count - targets[0].Count()} of them answered otherwise" : "")}. {frames[0].Note}".TrimEnd(),
            Forwards = frames.Sum(frame => frame.Forwards),
        };
    }
}
