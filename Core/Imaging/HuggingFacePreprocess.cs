using System.Text.Json;

namespace Prisma.Core;

/// <summary>
/// Hugging Face image processors that are made of resize, centre crop, rescale and normalise, in this order. Others are refused by name.
/// The "Fast" variants do the same steps on tensors; their resampling stays within one 8-bit level of the one here.
/// </summary>
internal static class HuggingFacePreprocess
{
    private static readonly double[] Half = [0.5, 0.5, 0.5];
    private static readonly double[] ClipMean = [0.48145466, 0.4578275, 0.40821073];
    private static readonly double[] ClipStd = [0.26862954, 0.26130258, 0.27577711];

    // What each processor takes where its file is silent, and how it reads a bare number as size.
    private static readonly Dictionary<string, Style> Styles = new(StringComparer.Ordinal)
    {
        ["CLIP"] = new(ResizeMode.ShortestEdge, 224, ResizeFilter.Bicubic, 224, ClipMean, ClipStd),
        ["ViT"] = new(ResizeMode.Exact, 224, ResizeFilter.Bilinear, null, Half, Half),
        ["Siglip"] = new(ResizeMode.Exact, 224, ResizeFilter.Bicubic, null, Half, Half),
        ["Siglip2"] = new(ResizeMode.PatchBudget, 16, ResizeFilter.Bilinear, null, Half, Half),
        ["Bit"] = new(ResizeMode.ShortestEdge, 224, ResizeFilter.Bicubic, 224, ClipMean, ClipStd),
        ["DeiT"] = new(ResizeMode.Exact, 256, ResizeFilter.Bicubic, 224, Half, Half),
        ["Beit"] = new(ResizeMode.Exact, 256, ResizeFilter.Bicubic, 224, Half, Half),
        ["Blip"] = new(ResizeMode.Exact, 384, ResizeFilter.Bicubic, null, ClipMean, ClipStd),
        ["ConvNext"] = new(ResizeMode.ShortestEdge, 384, ResizeFilter.Bicubic, null, Half, Half),
        ["VideoMAE"] = new(ResizeMode.ShortestEdge, 224, ResizeFilter.Bilinear, 224, Half, Half),
        ["Vivit"] = new(ResizeMode.ShortestEdge, 256, ResizeFilter.Bilinear, 224, Half, Half),
        ["VJEPA2"] = new(ResizeMode.ShortestEdge, 292, ResizeFilter.Bilinear, 256, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    };

    // Files without a processor's name go by the model's type.
    private static readonly Dictionary<string, string> ByModel = new(StringComparer.Ordinal)
    {
        ["clip"] = "CLIP",
        ["vit"] = "ViT",
        ["siglip"] = "Siglip",
        ["siglip2"] = "Siglip2",
        ["dinov2"] = "Bit",
        ["dinov2_with_registers"] = "Bit",
        ["deit"] = "DeiT",
        ["beit"] = "Beit",
        ["convnext"] = "ConvNext",
        ["convnextv2"] = "ConvNext",
        ["videomae"] = "VideoMAE",
        ["timesformer"] = "VideoMAE",
        ["vivit"] = "Vivit",
        ["vjepa2"] = "VJEPA2",
        ["dino"] = "ViT",
    };

    private static readonly HashSet<string> Used = new(StringComparer.Ordinal)
    {
        "image_processor_type", "feature_extractor_type", "video_processor_type", "do_resize", "size", "resample", "do_center_crop", "crop_size",
        "crop_pct", "do_rescale", "rescale_factor", "offset", "do_normalize", "image_mean", "image_std",
    };

    // Fields that do not touch the pixels of an RGB picture.
    private static readonly HashSet<string> WithoutEffect = new(StringComparer.Ordinal)
    {
        "do_convert_rgb", "processor_class", "_processor_class", "_valid_processor_keys", "auto_map", "data_format", "input_data_format", "device",
        "return_tensors", "default_to_square", "disable_grouping", "reduce_labels", "do_reduce_labels", "do_sample_frames", "num_frames", "fps",
        "return_metadata", "video_metadata", "image_seq_length", "patch_size", "num_channels", "max_num_patches",
    };

    public static Preprocess Read(JsonElement json, string file, string? modelType)
    {
        var fields = new PreprocessFields(json, file);
        var name = fields.Text("image_processor_type") ?? fields.Text("feature_extractor_type") ?? fields.Text("video_processor_type")
            ?? (modelType is not null && ByModel.TryGetValue(modelType, out var known) ? known + "ImageProcessor" : null);
        if (name is null)
            throw new CheckpointException($"'{file}' does not name its processor (image_processor_type), and the model's type ({modelType ?? "unknown"}) does not say which it is.");
        if (!Styles.TryGetValue(Stem(name), out var style))
            throw new CheckpointException($"'{file}' asks for {name}, whose steps are not built. Built are {string.Join(", ", Styles.Keys)}: resize, centre crop, rescale, normalise.");

        var (resize, crop) = Stem(name) == "ConvNext" ? ConvNext(fields, style) : (Resize(fields, style), Crop(fields, style));
        var preprocess = new Preprocess
        {
            Source = $"{name} in {Path.GetFileName(file)}",
            Resize = resize,
            Crop = crop,
            Scaling = Scaling(fields, style, Stem(name)),
            IsForVideos = name.EndsWith("VideoProcessor", StringComparison.Ordinal),
            ClipFrames = fields["num_frames"] is { } frames ? fields.Pixels(frames, "num_frames") : null,
        };
        RefuseUnknown(fields);
        fields.ThrowIfFaulty();
        return preprocess;
    }

    private static string Stem(string name)
    {
        foreach (var ending in (string[])["ImageProcessorFast", "ImageProcessor", "FeatureExtractor", "VideoProcessor"])
        {
            if (name.EndsWith(ending, StringComparison.Ordinal)) return name[..^ending.Length];
        }

        return name;
    }

    private static ResizeRule Resize(PreprocessFields fields, Style style)
    {
        if (!fields.Flag("do_resize", true)) return ResizeRule.Keep;
        var filter = Filter(fields, style);
        if (style.Mode == ResizeMode.PatchBudget)
        {
            var side = fields["patch_size"] is { } given ? fields.Pixels(given, "patch_size") : style.Size;
            return new ResizeRule(style.Mode, side, side, filter) { MostPatches = fields["max_num_patches"] is { } most ? fields.Pixels(most, "max_num_patches") : 256 };
        }

        if (fields["size"] is not { } size) return new ResizeRule(style.Mode, style.Size, style.Size, filter);
        if (size.ValueKind == JsonValueKind.Number)
        {
            var side = fields.Pixels(size, "size");
            return new ResizeRule(style.Mode, side, side, filter);
        }

        var keys = size.ValueKind == JsonValueKind.Object ? size.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal).ToArray() : [];
        if (keys is ["shortest_edge"])
        {
            var side = fields.Pixels(size.GetProperty("shortest_edge"), "size.shortest_edge");
            return new ResizeRule(ResizeMode.ShortestEdge, side, side, filter);
        }

        if (keys is ["height", "width"])
        {
            return new ResizeRule(
                ResizeMode.Exact, fields.Pixels(size.GetProperty("height"), "size.height"), fields.Pixels(size.GetProperty("width"), "size.width"), filter);
        }

        fields.Faults.Add($"size is {size.GetRawText()}, expected a number, shortest_edge, or height and width");
        return ResizeRule.Keep;
    }

    private static ResizeFilter Filter(PreprocessFields fields, Style style)
    {
        var code = fields.Number("resample", (double)style.Filter);
        if (Enum.IsDefined((ResizeFilter)code) && code == (int)code) return (ResizeFilter)code;
        fields.Faults.Add($"resample is {code}, expected Pillow's code from 0 to 5");
        return style.Filter;
    }

    private static CropRule? Crop(PreprocessFields fields, Style style)
    {
        if (!fields.Flag("do_center_crop", style.Crop is not null)) return null;
        if (style.Crop is null) fields.Faults.Add("do_center_crop is true, which this processor passes over and its fast form follows: set it to false to leave it out");
        switch (fields["crop_size"])
        {
            case null when style.Crop is { } side:
                return new CropRule(side, side, CropRounding.Down);
            case { ValueKind: JsonValueKind.Number } number:
                var pixels = fields.Pixels(number, "crop_size");
                return new CropRule(pixels, pixels, CropRounding.Down);
            case { ValueKind: JsonValueKind.Object } size when size.TryGetProperty("height", out var height) && size.TryGetProperty("width", out var width):
                return new CropRule(fields.Pixels(height, "crop_size.height"), fields.Pixels(width, "crop_size.width"), CropRounding.Down);
            case var other:
                fields.Faults.Add($"crop_size is {other?.GetRawText() ?? "missing"}, expected a number, or height and width");
                return null;
        }
    }

    // Below 384 the shorter side is brought to size / crop_pct and the middle taken; from 384 on the picture is squeezed.
    private static (ResizeRule Resize, CropRule? Crop) ConvNext(PreprocessFields fields, Style style)
    {
        var size = Resize(fields, style);
        if (size.Mode == ResizeMode.Keep) return (size, null);
        if (size.Mode != ResizeMode.ShortestEdge)
        {
            fields.Faults.Add("size has height and width, this processor takes shortest_edge");
            return (size, null);
        }

        if (size.Height >= 384) return (size with { Mode = ResizeMode.Exact, Width = size.Height }, null);
        var share = fields.Number("crop_pct", 224.0 / 256);
        if (share is not (> 0 and <= 1)) fields.Faults.Add($"crop_pct is {share}, expected a share above 0 and at most 1");
        var shorter = (int)(size.Height / share);
        return (size with { Height = shorter, Width = shorter }, new CropRule(size.Height, size.Height, CropRounding.Down));
    }

    private static PixelScaling Scaling(PreprocessFields fields, Style style, string stem)
    {
        var vivit = stem == "Vivit";
        var scaling = new PixelScaling();
        if (fields.Flag("do_rescale", true))
        {
            scaling = scaling with
            {
                Factor = fields.Number("rescale_factor", vivit ? 1 / 127.5 : 1.0 / 255),
                Shift = fields.Flag("offset", vivit) ? 1 : 0,
            };
        }

        if (fields.Flag("do_normalize", true))
        {
            var std = fields.Channels("image_std", style.Std);
            if (std.Any(s => !(s > 0))) fields.Faults.Add($"image_std is [{string.Join(", ", std)}], expected numbers above 0");
            scaling = scaling with { Mean = fields.Channels("image_mean", style.Mean), Std = std };
        }

        return scaling;
    }

    private static void RefuseUnknown(PreprocessFields fields)
    {
        var unknown = fields.All
            .Where(p => !Used.Contains(p.Name) && !WithoutEffect.Contains(p.Name))
            .Where(p => p.Value.ValueKind is JsonValueKind.True or JsonValueKind.Number or JsonValueKind.Object or JsonValueKind.Array)
            .Select(p => p.Name)
            .ToArray();
        if (unknown.Length > 0) fields.Faults.Add($"{string.Join(", ", unknown)}: steps or settings that are not built");
    }

    private sealed record Style(ResizeMode Mode, int Size, ResizeFilter Filter, int? Crop, double[] Mean, double[] Std);
}
