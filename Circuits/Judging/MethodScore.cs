namespace Prisma.Circuits;

/// <summary>How one method did over a set of pictures: means, with the standard error of the first where it is judged by.</summary>
public sealed record MethodScore
{
    /// <summary>The method's name.</summary>
    public required string Method { get; init; }

    /// <summary>Whether it knows nothing about the model.</summary>
    public required bool IsBaseline { get; init; }

    /// <summary>Whether its maps depend on the target; those that do not explain no answer, and are something to beat.</summary>
    public required bool UsesTarget { get; init; }

    /// <summary>The number of pictures.</summary>
    public required int Pictures { get; init; }

    /// <summary>The target's share of the energy on objects, 0–1.</summary>
    public required double EnergyAmongObjects { get; init; }

    /// <summary>Standard error of that mean.</summary>
    public required double EnergyError { get; init; }

    /// <summary>The target's share of the objects' area: what a map that knows nothing reaches.</summary>
    public required double AreaAmongObjects { get; init; }

    /// <summary>The target's share of all energy.</summary>
    public required double EnergyOfPicture { get; init; }

    /// <summary>The target's share of the picture's area.</summary>
    public required double AreaOfPicture { get; init; }

    /// <summary>The share of pictures where the highest pixel lies on the target.</summary>
    public required double Pointing { get; init; }

    /// <summary>The share of pictures where it lies on the target or within the tolerance.</summary>
    public required double PointingNear { get; init; }

    /// <summary>Area under the deletion curve; null where curves were not asked for.</summary>
    public double? Deletion { get; init; }

    /// <summary>Area under the insertion curve; null where curves were not asked for.</summary>
    public double? Insertion { get; init; }

    /// <summary>Area under the curve of ROAD, see <see cref="PerturbationCurve.Road"/>; null where faithfulness was not asked for.</summary>
    public double? Road { get; init; }

    /// <summary>See <see cref="Faithfulness"/>; null where faithfulness was not asked for.</summary>
    public double? Comprehensiveness { get; init; }

    /// <summary>See <see cref="Faithfulness"/>; null where faithfulness was not asked for.</summary>
    public double? Sufficiency { get; init; }

    /// <summary>See <see cref="Circuits.SensitivityN"/>, the mean over sizes; null where faithfulness was not asked for.</summary>
    public double? SensitivityN { get; init; }

    /// <summary>How many times its area's share of the objects' energy the target gets.</summary>
    public double Ratio => EnergyAmongObjects / AreaAmongObjects;

    /// <summary>The same against the whole picture.</summary>
    public double PictureRatio => EnergyOfPicture / AreaOfPicture;

    /// <summary>One method's scores over several sets of pictures as one: every picture counts the same.</summary>
    /// <exception cref="Core.OptionsException">There are none, or they are of several methods.</exception>
    public static MethodScore Together(IReadOnlyList<MethodScore> scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        if (scores.Select(score => score.Method).Distinct().Count() != 1)
            throw new Core.OptionsException($"Scores of one method are put together; given were those of {scores.Count} sets ({string.Join(", ", scores.Select(score => score.Method).Distinct())}).");
        var pictures = scores.Sum(score => score.Pictures);
        double Mean(Func<MethodScore, double> of) => scores.Sum(score => of(score) * score.Pictures) / pictures;
        double? Known(Func<MethodScore, double?> of) => scores.All(score => of(score) is not null) ? Mean(score => of(score)!.Value) : null;
        var mean = Mean(score => score.EnergyAmongObjects);
        // Within the sets and between them; the error of a set's mean gives back its variance.
        var squares = scores.Sum(score => score.Pictures * ((score.Pictures - 1) * score.EnergyError * score.EnergyError + Math.Pow(score.EnergyAmongObjects - mean, 2)));
        return scores[0] with
        {
            Pictures = pictures,
            EnergyAmongObjects = mean,
            EnergyError = Math.Sqrt(squares / Math.Max(1, pictures - 1) / pictures),
            AreaAmongObjects = Mean(score => score.AreaAmongObjects),
            EnergyOfPicture = Mean(score => score.EnergyOfPicture),
            AreaOfPicture = Mean(score => score.AreaOfPicture),
            Pointing = Mean(score => score.Pointing),
            PointingNear = Mean(score => score.PointingNear),
            Deletion = Known(score => score.Deletion),
            Insertion = Known(score => score.Insertion),
            Road = Known(score => score.Road),
            Comprehensiveness = Known(score => score.Comprehensiveness),
            Sufficiency = Known(score => score.Sufficiency),
            SensitivityN = Known(score => score.SensitivityN),
        };
    }
}
