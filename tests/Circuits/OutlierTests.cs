using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>Patches of unusual norm are found where they were planted, and only there.</summary>
public sealed class OutlierTests
{
    private static readonly TokenLayout s_layout = TokenLayout.Picture(1, 8, 8, 4);

    [Fact]
    public void Planted_tokens_are_found_and_gaussian_ones_are_not()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(7);
        var stream = randn(40, 65, 24, generator: generator);
        // A class token may be as long as it likes.
        stream.narrow(1, 0, 1).mul_(100);
        var plain = OutlierTokens.Of(stream, s_layout);
        Assert.True(plain.Share < 0.001, $"{plain.Share}");
        (int Picture, int Row, int Column)[] planted = [(0, 0, 3), (5, 7, 7), (39, 4, 0)];
        foreach (var (picture, row, column) in planted) stream[picture][1 + 8 * row + column].mul_(10);
        var found = OutlierTokens.Of(stream, s_layout, layer: 4);
        Assert.Equal(planted, found.Tokens.Select(token => (token.Picture, token.Row, token.Column)));
        Assert.Equal((4, 40 * 64, 3.0 / (40 * 64)), (found.Layer, found.Patches, found.Share));
        Assert.Equal(stream[5][64].norm().item<float>(), found.Tokens[1].Norm, 1e-3);
        Assert.Null(found.Attention);
    }

    [Fact]
    public void Sinks_and_copies_of_the_class_token_show_in_attention_and_cosine()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(7);
        var stream = randn(2, 65, 24, generator: generator);
        stream[1][1 + 9].copy_(stream[1][0] * 30);
        var pattern = full([2, 3, 65, 65], 0.5 / 64);
        pattern.select(3, 10).fill_(0.5);
        var found = OutlierTokens.Of(stream, s_layout, pattern);
        Assert.Equal((1, 1, 1), found.Tokens.Select(token => (token.Picture, token.Row, token.Column)).Single());
        Assert.Equal(1, found.Cosine!.Value, 1e-5);
        Assert.True(Math.Abs(found.UsualCosine!.Value) < 0.1);
        Assert.Equal(0.5, found.Attention!.Value, 1e-6);
        // The same place of the other picture draws as much attention and is as short as any.
        Assert.Equal((126 * 0.5 / 64 + 0.5) / 127, found.UsualAttention!.Value, 1e-6);
    }

    [Fact]
    public void A_long_position_embedding_stands_out_in_every_picture()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(5);
        Assert.All(OutlierTokens.Measure(model, [pictures]), block => Assert.Empty(block.Tokens));
        var positions = model.Weights.Single(weight => weight.Name.EndsWith("pos_embed", StringComparison.Ordinal)).Weight;
        var changed = positions.Value.clone();
        changed.flatten(0, -2)[1 + 6].fill_(300);
        positions.Set(changed);
        var blocks = OutlierTokens.Measure(model, pictures.split(2).Select(part => (ModelInput)part));
        Assert.Equal([0, 1], blocks.Select(block => block.Layer));
        Assert.Equal(Enumerable.Range(0, 5).Select(picture => (picture, 1, 2)), blocks[0].Tokens.Select(token => (token.Picture, token.Row, token.Column)));
        Assert.NotNull(blocks[0].Attention);
        // Nobody reads the last block's stream by attention.
        Assert.Null(blocks[1].Attention);
    }
}
