using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>
/// Biased data out of objects: a probe for two shapes learns from objects whose shape goes with their colour, and the features of colour are
/// taken out, or the other way round; as in SAEBench the way with the lower accuracy at first is reported.
/// </summary>
internal static class SceneBias
{
    private const int FewestPerQuadrant = 4;

    /// <summary>Pairs of shapes and colours that have enough objects in every combination.</summary>
    internal static IReadOnlyList<SceneSpurious> Score(SceneObjects train, SceneObjects test, Tensor directions, IReadOnlyList<int> counts)
    {
        var (shapes, colours) = (Enum.GetValues<ShapeKind>(), Enum.GetValues<ColourKind>());
        var scores = new List<SceneSpurious>();
        for (var k = 0; k + 1 < Math.Min(shapes.Length, colours.Length); k += 2)
        {
            var pair = new Pair(shapes[k], shapes[k + 1], colours[k], colours[k + 1]);
            if (pair.Quadrants(train).Concat(pair.Quadrants(test)).Any(rows => rows.Count < FewestPerQuadrant)) continue;
            var (byShape, byColour) = (pair.Score(train, test, directions, counts, labelIsShape: true), pair.Score(train, test, directions, counts, labelIsShape: false));
            scores.Add(byShape.Score.Biased <= byColour.Score.Biased ? byShape : byColour);
        }
        return scores;
    }

    private sealed record Pair(ShapeKind ShapeA, ShapeKind ShapeB, ColourKind ColourA, ColourKind ColourB)
    {
        // Objects of (A, A), (B, B), (A, B), (B, A), equally many of each.
        internal IReadOnlyList<IReadOnlyList<int>> Quadrants(SceneObjects objects)
        {
            List<int> Of(ShapeKind shape, ColourKind colour) =>
                [.. Enumerable.Range(0, objects.Objects.Count).Where(row => objects.Objects[row].Shape == shape && objects.Objects[row].Colour == colour)];
            List<int>[] all = [Of(ShapeA, ColourA), Of(ShapeB, ColourB), Of(ShapeA, ColourB), Of(ShapeB, ColourA)];
            var size = all.Min(rows => rows.Count);
            return [.. all.Select(rows => rows[..size])];
        }

        internal SceneSpurious Score(SceneObjects train, SceneObjects test, Tensor directions, IReadOnlyList<int> counts, bool labelIsShape)
        {
            var (quadrants, unseen) = (Quadrants(train), Quadrants(test));
            int[] together = [.. quadrants[0], .. quadrants[1]], all = [.. quadrants.SelectMany(rows => rows)], other = [.. unseen.SelectMany(rows => rows)];
            bool[] Labels(SceneObjects objects, int[] rows, bool shape) => [.. rows.Select(row => shape ? objects.Objects[row].Shape == ShapeA : objects.Objects[row].Colour == ColourA)];
            using var biased = train.Data.Rows(together);
            using var balanced = train.Data.Rows(all);
            using var scored = test.Data.Rows(other);
            var score = SpuriousRemoval.Score(biased, Labels(train, together, labelIsShape), balanced, Labels(train, all, labelIsShape), Labels(train, all, !labelIsShape),
                scored, Labels(test, other, labelIsShape), directions, counts);
            var (shapes, colours) = ($"{ShapeA} or {ShapeB}".ToLowerInvariant(), $"{ColourA} or {ColourB}".ToLowerInvariant());
            return labelIsShape ? new SceneSpurious(shapes, colours, score) : new SceneSpurious(colours, shapes, score);
        }
    }
}
