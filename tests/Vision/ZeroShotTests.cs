using Prisma.Core;
using Prisma.Text;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Vision;

/// <summary>Zero-shot classification on a small CLIP with random weights and OpenAI's vocabulary.</summary>
public sealed class ZeroShotTests
{
    private static readonly Lazy<ITokenizer> s_tokenizer = new(() => Tokenizers.Open(Fixture.Path("tokenizer"), TokenizerStyle.OpenAi));

    [Fact]
    public void Class_embeddings_are_the_normalised_means_over_the_templates()
    {
        using var model = Small();
        using var scope = NewDisposeScope();
        var options = new ZeroShotOptions { Templates = ["a photo of a {}.", "{}, drawn"], Batch = 3 };
        using var classes = ZeroShot.Create(model, s_tokenizer.Value, ["cat", "dog", "red circle"], options);
        Tensor Text(string text)
        {
            long[] ids = [.. s_tokenizer.Value.Encode(text).Select(id => (long)id)];  // unpadded: a causal tower does not see padding
            using var recording = model.Run(new ModelInput { ["input_ids"] = tensor(ids).view(1, -1) }, HookPlan.Empty);
            return recording.Outputs["text_embeds"].clone();
        }
        var wanted = (Text("a photo of a red circle.") + Text("red circle, drawn")) / 2;
        Close.Check("red circle", classes.Embeddings.narrow(0, 2, 1), wanted / wanted.norm());
        Assert.Equal([3L, 12], classes.Embeddings.shape);
    }

    [Fact]
    public void Logits_are_the_models_own_and_answers_come_best_first()
    {
        using var model = Small();
        using var scope = NewDisposeScope();
        string[] labels = ["cat", "dog", "tree", "house"];
        using var classes = ZeroShot.Create(model, s_tokenizer.Value, labels, new ZeroShotOptions { Templates = ["{}"] });
        var pixels = randn(2, 3, 16, 16);
        long[] ids = [.. labels.SelectMany(label => s_tokenizer.Value.Encode(label, new EncodeOptions { Pad = true, ContextLength = 16 })).Select(id => (long)id)];
        using var recording = model.Run(new ModelInput { ["pixel_values"] = pixels, ["input_ids"] = tensor(ids).view(4, 16) }, HookPlan.Empty);
        var logits = recording.Outputs["logits_per_image"];
        Close.Check("logits", classes.Logits(pixels), logits);
        var answers = classes.Classify(pixels, top: 9);
        var shares = logits.softmax(-1);
        for (var picture = 0; picture < 2; picture++)
        {
            Assert.Equal(4, answers[picture].Count);
            Assert.Equal(labels[(int)shares.select(0, picture).argmax().item<long>()], answers[picture][0].Label);
            Assert.Equal(answers[picture].OrderByDescending(answer => answer.Probability), answers[picture]);
            Assert.Equal(1, answers[picture].Sum(answer => answer.Probability), 1e-5);
        }
        Assert.Single(classes.Classify(pixels, top: 1)[1]);
    }

    [Fact]
    public void All_faults_of_the_options_come_at_once()
    {
        using var model = Small();
        var error = Assert.Throws<OptionsException>(() => ZeroShot.Create(model, s_tokenizer.Value, [], new ZeroShotOptions { Templates = ["a photo"], Batch = 0 }));
        foreach (var fault in new[] { "no label", "'a photo' has no {}", "batch is 0" }) Assert.Contains(fault, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_a_text_tower_is_refused()
    {
        using var model = new VitFamily().Tiny();
        Assert.Contains("both towers", Assert.Throws<PrismaException>(() => ZeroShot.Create(model, s_tokenizer.Value, ["cat"])).Message, StringComparison.Ordinal);
    }

    private static HookedModel Small() => new ClipFamily().Random(new ClipConfig
    {
        Vision = new() { Width = 16, Layers = 1, Heads = 2, Hidden = 24, Patch = 4, Image = 16, Projection = 12 },
        Text = new() { Width = 12, Layers = 1, Heads = 3, Hidden = 20, Context = 16, Projection = 12 },
    }, seed: 5);
}
