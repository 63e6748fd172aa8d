using System.Text;
using Prisma.Core;

namespace Prisma.Tests;

public sealed class PreprocessFileTests
{
    [Fact]
    public void A_bare_number_is_the_shorter_side_or_a_square_as_the_processor_has_it()
    {
        var clip = Read("preprocessor_config.json", """{"feature_extractor_type":"CLIPFeatureExtractor","size":224,"crop_size":200,"resample":3}""");
        Assert.Equal(new ResizeRule(ResizeMode.ShortestEdge, 224, 224, ResizeFilter.Bicubic), clip.Resize);
        Assert.Equal(new CropRule(200, 200, CropRounding.Down), clip.Crop);
        Assert.Equal(1.0 / 255, clip.Scaling.Factor);
        var vit = Read("preprocessor_config.json", """{"image_processor_type":"ViTImageProcessor","size":384,"image_mean":0.5}""");
        Assert.Equal(new ResizeRule(ResizeMode.Exact, 384, 384, ResizeFilter.Bilinear), vit.Resize);
        Assert.Null(vit.Crop);
        Assert.Equal((384, 384), vit.InputSize);
    }

    [Fact]
    public void A_file_without_a_processor_s_name_goes_by_the_model_s_type()
    {
        using var folder = new TempFolder();
        folder.Put("preprocessor_config.json", """{"size":224}"""u8.ToArray());
        var error = Assert.Throws<CheckpointException>(() => Preprocess.Load(folder.Path));
        Assert.Contains("does not name its processor", error.Message, StringComparison.Ordinal);
        folder.Put("config.json", """{"model_type":"vit"}"""u8.ToArray());
        Assert.Equal(ResizeMode.Exact, Preprocess.Load(folder.Path).Resize.Mode);
    }

    [Fact]
    public void ConvNext_crops_below_384_and_squeezes_from_there_on()
    {
        var small = Read("preprocessor_config.json", """{"image_processor_type":"ConvNextImageProcessor","size":{"shortest_edge":224},"crop_pct":0.875,"resample":3}""");
        Assert.Equal(new ResizeRule(ResizeMode.ShortestEdge, 256, 256, ResizeFilter.Bicubic), small.Resize);
        Assert.Equal(new CropRule(224, 224, CropRounding.Down), small.Crop);
        var large = Read("preprocessor_config.json", """{"image_processor_type":"ConvNextImageProcessor","size":{"shortest_edge":384},"resample":3}""");
        Assert.Equal(new ResizeRule(ResizeMode.Exact, 384, 384, ResizeFilter.Bicubic), large.Resize);
        Assert.Null(large.Crop);
    }

    [Fact]
    public void Steps_are_left_out_where_the_file_says_so()
    {
        var none = Read("preprocessor_config.json", """{"image_processor_type":"CLIPImageProcessor","do_resize":false,"do_center_crop":false,"do_rescale":false,"do_normalize":false}""");
        var prepared = none.Apply(new RgbImage(1, 1, [7, 8, 9]));
        Assert.Equal([7f, 8f, 9f], prepared.Values);
        Assert.Null(none.InputSize);
    }

    [Fact]
    public void Vivit_maps_bytes_to_minus_one_to_one_before_normalising()
    {
        var vivit = Read("preprocessor_config.json", """{"image_processor_type":"VivitImageProcessor","do_resize":false,"do_center_crop":false,"offset":true,"rescale_factor":0.00784313725490196,"do_normalize":false}""");
        Assert.Equal([-1f, 0.003922f, 1f], vivit.Apply(new RgbImage(1, 1, [0, 128, 255])).Values.Select(v => MathF.Round(v, 6)));
    }

    [Fact]
    public void Unknown_processors_are_refused_by_name()
    {
        var error = Assert.Throws<CheckpointException>(() => Read("preprocessor_config.json", """{"image_processor_type":"Qwen2VLImageProcessor"}"""));
        Assert.Contains("Qwen2VLImageProcessor", error.Message, StringComparison.Ordinal);
        Assert.Contains("CLIP, ViT", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_crop_that_a_processor_passes_over_is_refused_not_guessed()
    {
        const string Json = """{"image_processor_type":"ViTImageProcessor","size":224,"do_center_crop":true,"crop_size":200}""";
        Assert.Contains("do_center_crop", Assert.Throws<CheckpointException>(() => Read("preprocessor_config.json", Json)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_faults_of_a_file_are_told_at_once()
    {
        var error = Assert.Throws<CheckpointException>(() => Read(
            "preprocessor_config.json",
            """{"image_processor_type":"CLIPImageProcessor","size":{"longest_edge":224},"resample":9,"image_std":[1,0,1],"do_pad":true,"max_pixels":100}"""));
        foreach (var part in (string[])["longest_edge", "resample is 9", "image_std", "do_pad, max_pixels"])
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Timm_reads_its_crop_modes()
    {
        var border = Read("config.json", """{"pretrained_cfg":{"input_size":[3,10,10],"crop_pct":0.9,"crop_mode":"border","interpolation":"bilinear"}}""");
        Assert.Equal(new ResizeRule(ResizeMode.Fit, 11, 11, ResizeFilter.Bilinear), border.Resize);
        Assert.Equal(new CropRule(10, 10, CropRounding.HalfToEven, 124, 116, 104), border.Crop);
        var squash = Read("config.json", """{"pretrained_cfg":{"input_size":[3,10,20],"crop_pct":1.0,"crop_mode":"squash"}}""");
        Assert.Equal(new ResizeRule(ResizeMode.Exact, 10, 20, ResizeFilter.Bicubic), squash.Resize);
        var oblong = Read("config.json", """{"pretrained_cfg":{"input_size":[3,10,20],"crop_pct":1.0}}""");
        Assert.Equal(new ResizeRule(ResizeMode.Cover, 10, 20, ResizeFilter.Bilinear), oblong.Resize);
        Assert.Equal(0.485f, oblong.Scaling.Mean![0]);
        Assert.Throws<CheckpointException>(() => Read("config.json", """{"pretrained_cfg":{"input_size":[1,10,20]}}"""));
    }

    [Fact]
    public void Open_clip_takes_the_size_from_the_model_and_the_rest_from_its_defaults()
    {
        var plain = Read("open_clip_config.json", """{"model_cfg":{"vision_cfg":{"image_size":224}}}""");
        Assert.Equal(new ResizeRule(ResizeMode.ShortestEdge, 224, 224, ResizeFilter.Bicubic), plain.Resize);
        Assert.Equal(0.48145466f, plain.Scaling.Mean![0]);
        Assert.True(plain.Scaling.DivideBy255);
        var squash = Read("open_clip_config.json", """{"model_cfg":{"vision_cfg":{"image_size":[256,128]}},"preprocess_cfg":{"mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5],"interpolation":"bilinear","resize_mode":"squash"}}""");
        Assert.Equal(new ResizeRule(ResizeMode.Exact, 256, 128, ResizeFilter.Bilinear), squash.Resize);
        Assert.Null(squash.Crop);
        Assert.Throws<CheckpointException>(() => Read("open_clip_config.json", """{"model_cfg":{}}"""));
    }

    [Fact]
    public void A_folder_that_says_nothing_is_refused()
    {
        using var folder = new TempFolder();
        Assert.False(Preprocess.IsDescribedIn(folder.Path));
        Assert.Throws<CheckpointException>(() => Preprocess.Load(folder.Path));
        folder.Put("preprocessor_config.json", "{"u8.ToArray());
        Assert.Contains("not JSON", Assert.Throws<CheckpointException>(() => Preprocess.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    private static Preprocess Read(string file, string json)
    {
        using var folder = new TempFolder();
        folder.Put(file, Encoding.UTF8.GetBytes(json));
        return Preprocess.Load(folder.Path);
    }
}
