using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>
/// How often a switch of features does what it claims, as a judge sees the pictures, beside random features that add vectors of the same
/// lengths to the same cells. Features and strengths are chosen on other captions than those that count.
/// </summary>
internal sealed class SwitchTrial(TextToImage painter, PaintedSet chosen, PictureJudge judge, IReadOnlyDictionary<HookSite, FeatureStatistics> units)
{
    private const int AtOnce = 50, Tried = 60;

    private static readonly double[] _strengths = [1, 1.5, 2, 3];

    /// <summary>The strength that works best on captions that do not count.</summary>
    public double StrengthFor(PictureTrait trait, CancellationToken stop) =>
        _strengths.MaxBy(strength =>
        {
            SwitchScore score = Score(trait, SceneSplit.Choosing, Tried, strength, controls: false, stop);
            return score.Reached + score.Kept;
        });

    /// <summary>Every caption's trait is switched to another answer; all pairs of answers take turns.</summary>
    public SwitchScore Score(PictureTrait trait, SceneSplit split, int prompts, double strength, bool controls, CancellationToken stop)
    {
        int answers = trait.Answers().Count;
        var wanted = CaptionedPicture.Draw(split, 0, prompts).Select((picture, i) => (Picture: picture, To: (picture[trait] + 1 + i % (answers - 1)) % answers, Number: i));
        var total = new SwitchScore(trait, strength);
        foreach (var group in wanted.GroupBy(one => (From: one.Picture[trait], one.To)))
        {
            TraitSwitch change = TraitSwitch.Find(chosen, trait, group.Key.From, group.Key.To);
            foreach (var some in group.Chunk(AtOnce))
            {
                stop.ThrowIfCancellationRequested();
                using var scope = NewDisposeScope();
                GenerateOptions options = PaintedSet.Options(some.Select(one => one.Picture), some[0].Number);
                using Generation original = painter.Generate(options, chosen.Intervention.Kept());
                IReadOnlyList<PictureAnswer> before = judge.Judge(original.Pictures), after = Judged(options, change.Edits(chosen.Intervention, original, units, strength));
                IReadOnlyList<PictureAnswer>? random = controls ? Judged(options, change.Control(chosen.Intervention, original, units, strength, new SceneRandom((ulong)some[0].Number))) : null;
                for (int i = 0; i < some.Length; i++) total.Add(some[i].Picture, group.Key.To, before[i], after[i], random?[i]);
            }
        }
        return total;
    }

    private IReadOnlyList<PictureAnswer> Judged(GenerateOptions options, InterventionOptions changes)
    {
        using InterventionResult result = chosen.Intervention.Run(options, changes);
        return judge.Judge(result.Edited.Pictures);
    }
}
