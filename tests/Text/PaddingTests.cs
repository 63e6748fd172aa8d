using Prisma.Core;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Tests;

/// <summary>Texts of several lengths in one batch: each is read as it would be alone, whichever side is padded.</summary>
public sealed class PaddingTests
{
    private const long Filler = 7;

    private static readonly long[][] s_texts = [[3, 17, 5], [29, 8, 11, 2, 19, 4, 6], [1]];

    public static TheoryData<string> Families => GenerationTests.Families;

    [Theory, MemberData(nameof(Families))]
    public void Padded_texts_are_read_as_alone(string name)
    {
        using var model = Tiny(name);
        using var scope = NewDisposeScope();
        foreach (var left in new[] { true, false })
        {
            var (ids, mask) = Padded(s_texts, left);
            using var together = model.Run(Input(ids, mask), HookPlan.Empty.Keep(Site.ResidPost[0]));
            Assert.True(together.Main.isfinite().all().item<bool>());
            foreach (var (row, text) in s_texts.Index())
            {
                using var alone = model.Run(tensor(text, [1, text.Length]), HookPlan.Empty.Keep(Site.ResidPost[0]));
                var start = left ? ids.shape[1] - text.Length : 0;
                Close.Check($"text {row}, logits", together.Main[row].narrow(0, start, text.Length), alone.Main[0]);
                Close.Check($"text {row}, stream", together.Cache[Site.ResidPost[0]][row].narrow(0, start, text.Length), alone.Cache[Site.ResidPost[0]][0]);
            }
        }
    }

    [Theory, MemberData(nameof(Families))]
    public void With_memory_a_padded_batch_goes_on_as_each_text_alone(string name)
    {
        using var model = Tiny(name);
        using var scope = NewDisposeScope();
        using var memory = new KeyValueMemory();
        var (ids, mask) = Padded(s_texts, left: true);
        model.Run(Input(ids, mask, memory), HookPlan.Empty).Dispose();
        memory.Advance(ids.shape[1]);
        long[] next = [9, 12, 30];
        mask = cat([mask, ones(3, 1, dtype: ScalarType.Int64)], 1);
        using var together = model.Run(Input(tensor(next, [3, 1]), mask, memory), HookPlan.Empty);
        foreach (var (row, text) in s_texts.Index())
        {
            using var alone = model.Run(tensor([.. text, next[row]], [1, text.Length + 1]), HookPlan.Empty);
            Close.Check($"text {row}", together.Main[row][0], alone.Main[0][-1]);
        }
    }

    [Fact]
    public void Padding_before_a_text_sees_only_itself_and_holes_keep_their_places()
    {
        using var model = Tiny("gpt2");
        using var scope = NewDisposeScope();
        var (ids, mask) = Padded([s_texts[0], s_texts[1]], left: true);
        using var recording = model.Run(Input(ids, mask), HookPlan.Empty.Keep(Site.Pattern[0]).Keep(Site.PosEmbed.Only));
        var pattern = recording.Cache[Site.Pattern[0]][0];
        Assert.True(pattern.narrow(1, 0, 4).Equals(eye(7).narrow(0, 0, 4).unsqueeze(0).expand(2, 4, 7)));
        Assert.Equal(0, pattern.narrow(1, 4, 3).narrow(2, 0, 4).abs().sum().item<float>());
        using var plain = model.Run(ids, HookPlan.Empty.Keep(Site.PosEmbed.Only));
        Assert.True(recording.Cache[Site.PosEmbed.Only][0].narrow(0, 4, 3).Equals(plain.Cache[Site.PosEmbed.Only][0].narrow(0, 0, 3)));
        var hole = tensor(new long[] { 0, 1, 0, 1, 1, 1, 1 }, [1, 7]);
        using var holed = model.Run(Input(ids.narrow(0, 1, 1), hole), HookPlan.Empty.Keep(Site.PosEmbed.Only));
        Assert.True(holed.Cache[Site.PosEmbed.Only][0].narrow(0, 1, 6).Equals(plain.Cache[Site.PosEmbed.Only][0].narrow(0, 0, 6)));
    }

    [Fact]
    public void A_mask_that_hides_a_whole_text_or_does_not_fit_is_refused()
    {
        using var model = Tiny("llama");
        using var scope = NewDisposeScope();
        var ids = tensor(new long[] { 1, 2, 3, 4 }, [2, 2]);
        Assert.Contains("hides every token", Assert.Throws<ShapeException>(() => model.Run(Input(ids, tensor(new long[] { 1, 1, 0, 0 }, [2, 2])), HookPlan.Empty)).Message, StringComparison.Ordinal);
        Assert.Contains("attention_mask is [2, 3]; the tokens are [2, 2]", Assert.Throws<ShapeException>(() => model.Run(Input(ids, ones(2, 3)), HookPlan.Empty)).Message, StringComparison.Ordinal);
    }

    private static CausalLm Tiny(string name) => (CausalLm)Models.Catalog.Families.Single(family => family.Name == name).Tiny();

    private static ModelInput Input(Tensor ids, Tensor mask, KeyValueMemory? memory = null) =>
        new() { Memory = memory, ["input_ids"] = ids, ["attention_mask"] = mask };

    private static (Tensor Ids, Tensor Mask) Padded(long[][] texts, bool left)
    {
        var most = texts.Max(text => text.Length);
        long[] Row(long[] text, long filler) => left
            ? [.. Enumerable.Repeat(filler, most - text.Length), .. text]
            : [.. text, .. Enumerable.Repeat(filler, most - text.Length)];
        return (tensor(texts.SelectMany(text => Row(text, Filler)).ToArray(), [texts.Length, most]),
            tensor(texts.SelectMany(text => Row([.. text.Select(_ => 1L)], 0)).ToArray(), [texts.Length, most]));
    }
}
