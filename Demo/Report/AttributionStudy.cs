using System.Diagnostics;
using System.Globalization;
using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>One method in the study.</summary>
/// <param name="Score">On the scored scenes.</param>
/// <param name="Passes">About how many passes a picture takes, a differentiated one counted as three.</param>
/// <param name="Shuffled">The randomisation check, from the classifier to all weights.</param>
public sealed record StudiedMethod(MethodScore Score, int Passes, IReadOnlyList<RandomisationStep> Shuffled)
{
    private const double Unchanged = 0.99, Alike = 0.5;

    /// <summary>What the randomisation check says; limits are <see cref="Criterion"/>.</summary>
    public string Verdict => Shuffled[^1].Correlation > Alike ? "fails: shows the picture, not the model"
        : Shuffled[0].Correlation > Unchanged ? "fails: the same for every class"
        : "passes";

    /// <summary>The limits in words.</summary>
    public static string Criterion { get; } = string.Create(CultureInfo.InvariantCulture,
        $"A method fails if its map stays as it is when the classifier is shuffled (rank correlation above {Unchanged}), or stays alike when all weights are (above {Alike}).");
}

/// <summary>
/// Every heatmap method on scenes as they come, misclassified ones among them: does the map lie on the object that the model's answer is
/// about, and does it change when the model's weights are shuffled from the output downwards (Adebayo et al. 2018)?
/// </summary>
/// <param name="Best">The method with the most energy on the target, on other scenes.</param>
/// <param name="Scenes">The scored scenes.</param>
/// <param name="Wrong">How many of them the model gets wrong.</param>
/// <param name="Options">The sizes.</param>
/// <param name="Methods">All methods, baselines last.</param>
public sealed record AttributionStudy(string Best, int Scenes, int Wrong, AttributionStudyOptions Options, IReadOnlyList<StudiedMethod> Methods)
{
    private const int Batch = 50;

    /// <summary>Runs it.</summary>
    /// <param name="open">Opens a fresh copy of the model.</param>
    /// <param name="methods">The methods; made with a sparse coder, or those of <see cref="AttributionMethod.All"/>.</param>
    /// <param name="options">The sizes.</param>
    /// <param name="progress">Told what is being done.</param>
    /// <param name="stop">Ends the work between two batches.</param>
    public static AttributionStudy Run(Func<HookedModel> open, IReadOnlyList<AttributionMethod> methods, AttributionStudyOptions options, IProgress<string> progress, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(open);
        ArgumentNullException.ThrowIfNull(methods);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(progress);
        options.Validate();
        using var scope = NewDisposeScope();
        using var model = open();
        var (chosenOn, _) = Questions(model, SceneSplit.Choosing, options.Choosing);
        var (scoredOn, wrong) = Questions(model, SceneSplit.Scoring, options.Scenes);
        var layout = model.LayoutOf(scoredOn[0].Pixels.unsqueeze(0))!;
        var shuffling = scoredOn.Take(options.Randomised).ToList();
        var pixels = stack(shuffling.Select(picture => picture.Pixels));
        var targets = new PerExample([.. shuffling.Select(picture => picture.Target!)]);
        var (studied, choosing) = (new List<StudiedMethod>(), new List<MethodScore>());
        foreach (var method in methods)
        {
            var clock = Stopwatch.StartNew();
            var judging = new JudgeOptions { Batch = Batch, Attribution = OptionsOf(method, layout, options) };
            var passes = method.Passes(layout, judging.Attribution);
            if (passes <= options.MostPasses) choosing.AddRange(Judge.Score(model, chosenOn, [method], judging, stop: stop));
            var score = Judge.Score(model, scoredOn, [method], judging, stop: stop)[0];
            var shuffled = RandomisationCheck.Run(open, method, pixels, targets, judging.Attribution);
            studied.Add(new StudiedMethod(score, passes, shuffled));
            progress.Report(string.Create(CultureInfo.InvariantCulture, $"{method.Name} took {clock.Elapsed.TotalSeconds:f1} s"));
        }
        return new AttributionStudy(Judge.Best(choosing).Method, scoredOn.Count, wrong, options, studied);
    }

    private static AttributionOptions OptionsOf(AttributionMethod method, TokenLayout layout, AttributionStudyOptions options)
    {
        var usual = new AttributionOptions { Steps = options.Steps, Batch = Batch };
        // Whether the method draws random copies shows in its number of passes.
        var (few, many) = (method.Passes(layout, usual with { Samples = 1 }), method.Passes(layout, usual));
        return many > few * options.MostSamples ? usual with { Samples = options.MostSamples } : usual;
    }

    // What speaks for the class that the model chose, on the objects of that class; on the marked one where there is none.
    private static (IReadOnlyList<JudgedPicture> Pictures, int Wrong) Questions(HookedModel model, SceneSplit split, int count)
    {
        var scenes = JudgedScenes.Draw(split, count);
        var guesses = JudgedScenes.Guesses(model, scenes);
        var questions = ContestQuestion.About(new ContestScenes(scenes, guesses, count), model.Card.Labels).Where(question => question.OfChosen).ToList();
        return ([.. questions.SelectMany(question => question.Pictures)], scenes.Where((scene, k) => guesses[k] != (int)scene.Label).Count());
    }
}
