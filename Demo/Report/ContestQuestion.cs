using Prisma.Circuits;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>A kind of question, asked about many scenes; what a heatmap should lie on differs from kind to kind.</summary>
/// <param name="Name">In a word or two, for tables.</param>
/// <param name="Meaning">What is asked and where the answer should lie.</param>
/// <param name="OfChosen">Whether it asks about the class that the model chose.</param>
/// <param name="Pictures">The scenes with masks and targets.</param>
public sealed record ContestQuestion(string Name, string Meaning, bool OfChosen, IReadOnlyList<JudgedPicture> Pictures)
{
    /// <summary>All kinds that the scenes allow. Tensors belong to the caller's scope.</summary>
    public static IReadOnlyList<ContestQuestion> About(ContestScenes scenes, IReadOnlyList<string> labels)
    {
        ArgumentNullException.ThrowIfNull(scenes);
        List<JudgedPicture> right = [], wrong = [], contrast = [];
        for (var k = 0; k < scenes.Scenes.Count; k++)
        {
            var (scene, guess) = (scenes.Scenes[k], scenes.Guesses[k]);
            var pixels = JudgedScenes.Pixels([scene])[0];
            if (guess != (int)scene.Label)
            {
                // Where no object has the named class, the marked one was misread.
                var named = scene.Objects.Any(item => (int)item.Shape == guess) ? guess : (int)scene.Label;
                wrong.Add(Picture(scene, pixels, item => (int)item.Shape == named, new LogProbability(guess, labels)));
                continue;
            }
            right.Add(Picture(scene, pixels, item => item.Marked, new LogProbability(guess, labels)));
            var rival = (int)scene.Objects.First(item => (int)item.Shape != guess).Shape;
            contrast.Add(Picture(scene, pixels, item => (int)item.Shape == rival, new LogitDifference(rival, guess, labels)));
        }
        ContestQuestion[] all =
        [
            new("right", "what speaks for the class that the model chose, rightly; on the marked object", true, right),
            new("misclassified", "what speaks for the class that the model chose, wrongly; on the objects of that class or, where there is none, on the marked one, which was misread", true, wrong),
            new("contrast", "what speaks for the class of another object against the chosen one; on the objects of that class", false, contrast),
        ];
        return [.. all.Where(question => question.Pictures.Count > 0)];
    }

    private static JudgedPicture Picture(Scene scene, Tensor pixels, Func<SceneObject, bool> wanted, Target target)
    {
        var owners = ScenePainter.Owners(scene.Objects);
        bool[] own = [.. owners.Select(owner => owner > 0 && wanted(scene.Objects[owner - 1]))];
        return new JudgedPicture(pixels, null, own, [.. owners.Select((owner, k) => owner > 0 && !own[k])], target);
    }
}
