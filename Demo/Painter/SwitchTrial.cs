using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;

namespace Prisma.Demo;

/// <summary>
/// How often a switch of features does what it claims, as a judge sees the pictures, beside random features that add vectors as long to the
/// same cells. The judge has no part in choosing features.
/// </summary>
internal sealed class SwitchTrial(TextToImage painter, PictureIntervention intervention, PictureJudge judge, IReadOnlyDictionary<HookSite, FeatureStatistics> units)
{
    /// <summary>What a caption's trait is switched to: all pairs of answers take turns.</summary>
    public static int Wanted(CaptionedPicture picture, PictureTrait trait, int turn)
    {
        int answers = trait.Answers().Count;
        return (picture[trait] + 1 + turn % (answers - 1)) % answers;
    }

    /// <summary>Every caption's trait is switched to another answer.</summary>
    public SwitchScore Score(PictureTrait trait, int prompts, CancellationToken stop)
    {
        var total = new SwitchScore(trait);
        for (int i = 0; i < prompts; i++)
        {
            stop.ThrowIfCancellationRequested();
            CaptionedPicture picture = CaptionedPicture.Draw(SceneSplit.Scoring.Seed(i));
            int wanted = Wanted(picture, trait, i);
            using SwitchedPicture switched = SwitchedPicture.Paint(painter, intervention, units, picture.Caption, picture.With(trait, wanted).Caption, i);
            IReadOnlyList<PictureAnswer> seen = judge.Judge([switched.Original.Pictures[0], switched.Edited.Pictures[0], switched.Random.Pictures[0]]);
            total.Add(picture, wanted, seen[0], seen[1], seen[2]);
        }
        return total;
    }
}
