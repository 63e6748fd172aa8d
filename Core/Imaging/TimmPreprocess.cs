using System.Text.Json;

namespace Prisma.Core;

/// <summary>timm's evaluation transform, from <c>pretrained_cfg</c>: resize to input size / crop_pct, centre crop, divide by 255, normalise.</summary>
internal static class TimmPreprocess
{
    private const double DefaultCropShare = 0.875;
    private static readonly double[] ImageNetMean = [0.485, 0.456, 0.406];
    private static readonly double[] ImageNetStd = [0.229, 0.224, 0.225];

    public static Preprocess Read(JsonElement json, string file)
    {
        var fields = new PreprocessFields(json.GetProperty("pretrained_cfg"), file);
        var (height, width) = InputSize(fields);
        var share = fields.Number("crop_pct", DefaultCropShare);
        if (share is not (> 0 and <= 1.5)) fields.Faults.Add($"crop_pct is {share}, expected a share above 0 and at most 1.5");
        var filter = Filter(fields, fields.Text("interpolation") ?? "bicubic");
        var mean = fields.Channels("mean", ImageNetMean);
        var std = fields.Channels("std", ImageNetStd);
        if (std.Any(s => !(s > 0))) fields.Faults.Add($"std is [{string.Join(", ", std)}], expected numbers above 0");

        int tall = (int)Math.Floor(height / share), wide = (int)Math.Floor(width / share);
        var crop = new CropRule(height, width, CropRounding.HalfToEven);
        ResizeRule resize;
        switch (fields.Text("crop_mode") ?? "center")
        {
            case "squash":
                resize = new ResizeRule(ResizeMode.Exact, tall, wide, filter);
                break;
            case "border":
                resize = new ResizeRule(ResizeMode.Fit, tall, wide, filter);
                crop = crop with { FillRed = Level(mean[0]), FillGreen = Level(mean[1]), FillBlue = Level(mean[2]) };
                break;
            case "center" when tall == wide:
                resize = new ResizeRule(ResizeMode.ShortestEdge, tall, wide, filter);
                break;
            case "center":
                // Here timm does not hand its interpolation on: the resize falls back to bilinear.
                resize = new ResizeRule(ResizeMode.Cover, tall, wide, ResizeFilter.Bilinear);
                break;
            case var other:
                fields.Faults.Add($"crop_mode is '{other}', expected center, squash or border");
                resize = ResizeRule.Keep;
                break;
        }

        fields.ThrowIfFaulty();
        return new Preprocess
        {
            Source = $"timm's pretrained_cfg in {Path.GetFileName(file)}",
            Resize = resize,
            Crop = crop,
            Scaling = new PixelScaling { DivideBy255 = true, Mean = mean, Std = std },
        };
    }

    public static ResizeFilter Filter(PreprocessFields fields, string name)
    {
        switch (name)
        {
            case "nearest": return ResizeFilter.Nearest;
            case "bilinear": return ResizeFilter.Bilinear;
            case "bicubic": return ResizeFilter.Bicubic;
            case "box": return ResizeFilter.Box;
            case "hamming": return ResizeFilter.Hamming;
            case "lanczos": return ResizeFilter.Lanczos;
            default:
                fields.Faults.Add($"interpolation is '{name}', expected nearest, bilinear, bicubic, box, hamming or lanczos");
                return ResizeFilter.Bicubic;
        }
    }

    private static (int Height, int Width) InputSize(PreprocessFields fields)
    {
        if (fields["input_size"] is { ValueKind: JsonValueKind.Array } size && size.GetArrayLength() == 3)
        {
            if (size[0].ValueKind == JsonValueKind.Number && size[0].GetDouble() == 3)
                return (fields.Pixels(size[1], "input_size"), fields.Pixels(size[2], "input_size"));
        }

        fields.Faults.Add($"input_size is {fields["input_size"]?.GetRawText() ?? "missing"}, expected [3, height, width]");
        return (1, 1);
    }

    private static byte Level(float mean) => (byte)Math.Clamp(Math.Round(255.0 * mean, MidpointRounding.ToEven), 0, 255);
}
