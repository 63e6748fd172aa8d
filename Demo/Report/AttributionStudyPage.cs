using System.Globalization;
using System.Text;
using Prisma.Circuits;

namespace Prisma.Demo;

/// <summary>The study of heatmap methods as a Markdown page.</summary>
public static class AttributionStudyPage
{
    /// <summary>The page.</summary>
    /// <param name="study">What was measured.</param>
    /// <param name="command">How to make it again.</param>
    public static string Of(AttributionStudy study, string command)
    {
        ArgumentNullException.ThrowIfNull(study);
        var best = study.Methods.Single(method => method.Score.Method == study.Best).Score;
        var area = study.Methods[0].Score;
        var text = new StringBuilder();
        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
        Line($"# Heatmap methods on scenes whose objects are known");
        Line($"");
        Line($"Made by `{command}`. A small ViT names the shape of the object with the white outline; each method explains the log-probability of the class that the model chose on the first {study.Scenes} scenes of a split");
        Line($"that served no other purpose ({study.Wrong} of them misclassified). The map should lie on the objects of that class (where none has it, on the outlined one, which was misread).");
        Line($"");
        Line($"- **energy on it**: share of the map's positive values on objects that lies on the right one (± standard error); its share of the objects' area is {area.AreaAmongObjects:P1}. **of picture**: share of all positive values; its area's share is {area.AreaOfPicture:P1}.");
        Line($"- **pointing**: share of scenes where the map's highest pixel lies on the object itself; **within 4 px**: or so near. That is the pointing game's usual tolerance, 15 pixels on pictures of 224, and half a patch here: the highest pixel of a map is always the middle of a patch of 8 pixels.");
        Line($"- **classifier, upper half, all shuffled**: rank correlation with the map of the trained model, mean over {study.Options.Randomised} scenes, after the weights down to there were shuffled. {StudiedMethod.Criterion}");
        Line($"- **passes**: for one picture; a differentiated one counts as three. Integrated gradients take {study.Options.Steps} steps, RISE {study.Options.MostSamples} masks, Score-CAM and Ablation-CAM {study.Options.MostSamples} channels.");
        Line($"");
        Line($"`{study.Best}` was chosen on {study.Options.Choosing} other scenes (most energy on the object, among methods that explain a class and take at most {study.Options.MostPasses} passes). Here it puts {best.EnergyAmongObjects:P1} of the energy on the right object and points at it in {best.PointingNear:P1} of the scenes ({best.Pointing:P1} without tolerance).");
        Line($"");
        Line($"| method | energy on it | of picture | pointing | within 4 px | passes | classifier shuffled | upper half | all | randomisation check |");
        Line($"| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |");
        foreach (var method in study.Methods.OrderBy(method => method.Score.IsBaseline).ThenByDescending(method => method.Score.EnergyAmongObjects)) Line(Row(study, method));
        return text.ToString();
    }

    private static FormattableString Row(AttributionStudy study, StudiedMethod method)
    {
        var (score, shuffled) = (method.Score, method.Shuffled);
        var name = score.Method == study.Best ? $"**{score.Method}**" : score.Method + (score.IsBaseline ? " (baseline)" : "");
        return $"| {name} | {score.EnergyAmongObjects:P1} ± {score.EnergyError:P1} | {score.EnergyOfPicture:P1} | {score.Pointing:P1} | {score.PointingNear:P1} | {method.Passes} | {Number(shuffled[0])} | {Number(shuffled[shuffled.Count / 2])} | {Number(shuffled[^1])} | {method.Verdict} |";
    }

    private static string Number(RandomisationStep step) => double.IsNaN(step.Correlation) ? "constant map" : step.Correlation.ToString("f2", CultureInfo.InvariantCulture);
}
