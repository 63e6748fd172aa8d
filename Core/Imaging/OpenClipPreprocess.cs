using System.Text.Json;

namespace Prisma.Core;

/// <summary>open_clip's evaluation transform: the size from <c>model_cfg.vision_cfg</c>, the rest from <c>preprocess_cfg</c> or open_clip's defaults.</summary>
internal static class OpenClipPreprocess
{
    private static readonly double[] Mean = [0.48145466, 0.4578275, 0.40821073];
    private static readonly double[] Std = [0.26862954, 0.26130258, 0.27577711];

    public static Preprocess Read(JsonElement json, string file)
    {
        var fields = new PreprocessFields(json.ValueKind == JsonValueKind.Object && json.TryGetProperty("preprocess_cfg", out var own) ? own : default, file);
        var (height, width) = Size(fields, fields["size"] ?? Vision(json));
        var filter = fields.Text("interpolation") switch
        {
            null or "random" => ResizeFilter.Bicubic,
            var name => TimmPreprocess.Filter(fields, name),
        };
        var fill = (byte)Math.Clamp(fields.Number("fill_color", 0), 0, 255);
        var mean = fields.Channels("mean", Mean);
        var std = fields.Channels("std", Std);
        if (std.Any(s => !(s > 0))) fields.Faults.Add($"std is [{string.Join(", ", std)}], expected numbers above 0");

        CropRule? crop = new CropRule(height, width, CropRounding.HalfToEven);
        ResizeRule resize;
        switch (fields.Text("resize_mode") ?? "shortest")
        {
            case "shortest":
                resize = new ResizeRule(height == width ? ResizeMode.ShortestEdge : ResizeMode.Cover, height, width, filter);
                break;
            case "longest":
                resize = new ResizeRule(ResizeMode.Fit, height, width, filter);
                crop = crop with { FillRed = fill, FillGreen = fill, FillBlue = fill };
                break;
            case "squash":
                resize = new ResizeRule(ResizeMode.Exact, height, width, filter);
                crop = null;
                break;
            case var other:
                fields.Faults.Add($"resize_mode is '{other}', expected shortest, longest or squash");
                resize = ResizeRule.Keep;
                break;
        }

        fields.ThrowIfFaulty();
        return new Preprocess
        {
            Source = $"open_clip's preprocessing in {Path.GetFileName(file)}",
            Resize = resize,
            Crop = crop,
            Scaling = new PixelScaling { DivideBy255 = true, Mean = mean, Std = std },
        };
    }

    private static JsonElement? Vision(JsonElement json) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty("model_cfg", out var model) && model.ValueKind == JsonValueKind.Object
        && model.TryGetProperty("vision_cfg", out var vision) && vision.ValueKind == JsonValueKind.Object
        && vision.TryGetProperty("image_size", out var size)
            ? size
            : null;

    private static (int Height, int Width) Size(PreprocessFields fields, JsonElement? size)
    {
        const string Key = "model_cfg.vision_cfg.image_size";
        if (size is { ValueKind: JsonValueKind.Number } number) return (fields.Pixels(number, Key), fields.Pixels(number, Key));
        if (size is { ValueKind: JsonValueKind.Array } pair && pair.GetArrayLength() == 2) return (fields.Pixels(pair[0], Key), fields.Pixels(pair[1], Key));
        fields.Faults.Add($"{Key} is {size?.GetRawText() ?? "missing"}, expected a number or [height, width]");
        return (1, 1);
    }
}
