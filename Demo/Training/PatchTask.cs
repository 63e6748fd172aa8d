using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Prisma.Demo;

/// <summary>
/// A second task while training: each patch token names the shape, colour and texture of the object that its patch shows (or "ground"),
/// and whether that object is the marked one. N = scenes · patches.
/// </summary>
internal static class PatchTask
{
    private static readonly int _shapes = Enum.GetValues<ShapeKind>().Length, _colours = Enum.GetValues<ColourKind>().Length,
        _textures = Enum.GetValues<TextureKind>().Length;

    /// <summary>The questions: how many answers each has (the last is the ground's) and its weight in the loss.</summary>
    private static readonly (int Answers, double Weight)[] _questions = [(_shapes + 1, 1), (_colours + 1, 0.3), (_textures + 1, 0.3), (2, 0.5)];

    /// <summary>Logits per patch.</summary>
    public static int Outputs => _questions.Sum(question => question.Answers);

    /// <summary>The right answers of a batch: [questions, N], question by question.</summary>
    public static long[] Answers(SceneBatch batch, int patch)
    {
        int area = Scene.Width * Scene.Width, cells = area / (patch * patch), all = batch.Scenes.Count * cells;
        var answers = new long[_questions.Length * all];
        for (int scene = 0; scene < batch.Scenes.Count; scene++)
        {
            int[] objects = PatchTruth.Objects(batch.Owners.AsSpan(scene * area, area), Scene.Width, patch);
            for (int cell = 0; cell < cells; cell++)
            {
                SceneObject? item = objects[cell] < 0 ? null : batch.Scenes[scene].Objects[objects[cell]];
                int at = scene * cells + cell;
                answers[at] = item is null ? _shapes : (long)item.Shape;
                answers[all + at] = item is null ? _colours : (long)item.Colour;
                answers[2 * all + at] = item is null ? _textures : (long)item.Texture;
                answers[3 * all + at] = item is { Marked: true } ? 1 : 0;
            }
        }
        return answers;
    }

    /// <summary>The weighted sum of the questions' cross-entropies, for logits [N, <see cref="Outputs"/>].</summary>
    public static Tensor Loss(Tensor logits, long[] answers)
    {
        using var scope = NewDisposeScope();
        Tensor truth = tensor(answers).view(_questions.Length, -1), loss = zeros(1).sum();
        int start = 0;
        for (int k = 0; k < _questions.Length; k++)
        {
            Tensor part = logits.narrow(1, start, _questions[k].Answers);
            loss = loss.add(functional.cross_entropy(part, truth.select(0, k)), _questions[k].Weight);
            start += _questions[k].Answers;
        }
        return loss.MoveToOuterDisposeScope();
    }
}
