using Prisma.Core;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Vision;

/// <summary>SigLIP 2 of variable resolution: both forms of its input, padding, and what is refused.</summary>
public sealed class Siglip2Tests
{
    private const string Folder = "formula_siglip2";

    [Theory]
    [InlineData(12, 12)]  // the grid of the positions
    [InlineData(20, 8)]
    [InlineData(9, 15)]   // not whole patches: 2 rows, 3 columns
    public void A_whole_picture_gives_what_its_patches_give(int height, int width)
    {
        using var model = Models.Load(Fixture.Path($"models/{Folder}"));
        using var scope = NewDisposeScope();
        var picture = randn(1, 3, height, width, generator: new Generator(5));
        var (rows, columns) = (height / 4, width / 4);
        // The processor's patches, cut one by one.
        var patches = stack([.. from row in Enumerable.Range(0, rows) from column in Enumerable.Range(0, columns) select picture[0].narrow(1, row * 4, 4).narrow(2, column * 4, 4).permute(1, 2, 0).flatten()]);
        var padded = cat([patches, zeros(12 - rows * columns, 48)]).unsqueeze(0);
        var mask = cat([ones(1, rows * columns), zeros(1, 12 - rows * columns)], 1).to(ScalarType.Int64);
        using var whole = model.Run(new ModelInput { ["pixel_values"] = picture }, HookPlan.Empty.Keep(Site.ResidPost[1].In(Part.Vision)));
        var input = new ModelInput { ["pixel_values"] = padded, ["pixel_attention_mask"] = mask, ["spatial_shapes"] = tensor(new long[] { rows, columns }, [1, 2]) };
        using var cut = model.Run(input, HookPlan.Empty.Keep(Site.ResidPost[1].In(Part.Vision)));
        Close.Check("stream", cut.Cache[Site.ResidPost[1]].narrow(1, 0, rows * columns), whole.Cache[Site.ResidPost[1]]);
        Close.Check("embedding", cut.Outputs["image_embeds"], whole.Outputs["image_embeds"]);
        Assert.Equal((rows, columns), (model.LayoutOf(new ModelInput { ["pixel_values"] = picture })!.Rows, model.LayoutOf(new ModelInput { ["pixel_values"] = picture })!.Columns));
        Assert.Equal(rows * columns == 12, model.LayoutOf(input) is not null);
    }

    [Fact]
    public void What_padding_holds_does_not_count()
    {
        using var model = Models.Load(Fixture.Path($"models/{Folder}"));
        using var expected = TensorSource.Open(Fixture.Path($"models/{Folder}/expected.safetensors"));
        using var scope = NewDisposeScope();
        var (pixels, mask) = (expected.Get("pixel_values").ToTensor(), expected.Get("pixel_attention_mask").ToTensor());
        var noisy = pixels + mask.eq(0).to(ScalarType.Float32).unsqueeze(2) * 100;
        using var run = model.Run(new ModelInput { ["pixel_values"] = noisy, ["pixel_attention_mask"] = mask, ["spatial_shapes"] = expected.Get("spatial_shapes").ToTensor() }, HookPlan.Empty);
        Close.Check("embedding", run.Outputs["image_embeds"], expected.Get("image_embeds").ToTensor());
    }

    [Theory]
    [InlineData("no shapes", "The input 'spatial_shapes' is missing")]
    [InlineData("too many", "a picture of 5 × 3 patches; pixel_values holds 12")]
    [InlineData("no rows", "a picture of 0 × 3 patches")]
    [InlineData("hidden", "hides every patch of a picture")]
    [InlineData("short mask", "pixel_attention_mask is [1, 11]; the patches are [1, 12]")]
    [InlineData("both forms", "belong to pixel_values of patches")]
    [InlineData("values", "expected patches [batch, patches, 48], or pictures [batch, 3, height, width] with sides of at least 4")]
    public void Inputs_that_do_not_fit_are_refused(string fault, string sentence)
    {
        using var model = Models.Load(Fixture.Path($"models/{Folder}"));
        using var scope = NewDisposeScope();
        var input = new ModelInput { ["pixel_values"] = fault switch { "both forms" => zeros(1, 3, 12, 12), "values" => zeros(1, 12, 47), _ => zeros(1, 12, 48) } };
        if (fault != "no shapes") input.Add("spatial_shapes", tensor(fault switch { "too many" => new long[] { 5, 3 }, "no rows" => [0, 3], _ => [4, 3] }, [1, 2]));
        if (fault is "hidden" or "short mask") input.Add("pixel_attention_mask", zeros(1, fault == "hidden" ? 12 : 11, dtype: ScalarType.Int64));
        Assert.Contains(sentence, Assert.Throws<ShapeException>(() => model.Run(input, HookPlan.Empty)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_number_of_positions_that_is_no_square_is_refused()
    {
        using var copy = new CheckpointCopy(Folder, config => config["vision_config"]!["num_patches"] = 12);
        Assert.Contains("'num_patches' = 12 is no square", copy.Refusal(), StringComparison.Ordinal);
    }
}
