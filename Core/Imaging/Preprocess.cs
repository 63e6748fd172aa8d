using System.Text.Json;

namespace Prisma.Core;

/// <summary>
/// The way from a picture to a model's input: resize (Pillow's 8-bit resampling), centre crop, scale, normalise. Read from what comes with
/// a checkpoint: <c>preprocessor_config.json</c>, timm's <c>pretrained_cfg</c> in <c>config.json</c>, or <c>open_clip_config.json</c>.
/// </summary>
public sealed record Preprocess
{
    private static readonly string[] HuggingFaceFiles = ["preprocessor_config.json", "video_preprocessor_config.json"];

    /// <summary>The processor's name and file, for messages and reports.</summary>
    public required string Source { get; init; }

    /// <summary>First step.</summary>
    public ResizeRule Resize { get; init; } = ResizeRule.Keep;

    /// <summary>Second step; null: none.</summary>
    public CropRule? Crop { get; init; }

    /// <summary>Third step.</summary>
    public PixelScaling Scaling { get; init; } = new();

    /// <summary>The size that the model gets, if it is the same for every picture.</summary>
    public (int Width, int Height)? InputSize =>
        Crop is not null ? (Crop.Width, Crop.Height) : Resize.Mode == ResizeMode.Exact ? (Resize.Width, Resize.Height) : null;

    /// <summary>Whether the processor is one for videos only, whose clips Hugging Face's models take as <c>pixel_values_videos</c>.</summary>
    public bool IsForVideos { get; init; }

    /// <summary>Frames of a clip that the processor's file names; null where it names none.</summary>
    public int? ClipFrames { get; init; }

    /// <summary>Whether a folder says how its pictures are prepared.</summary>
    public static bool IsDescribedIn(string folder) => Find(folder) is not null;

    /// <summary>Reads what a model folder says about its pictures.</summary>
    /// <exception cref="CheckpointException">Nothing is said, the file is damaged, or it asks for steps that are not built; all faults at once.</exception>
    public static Preprocess Load(string folder)
    {
        var (file, json) = Find(folder) ?? throw new CheckpointException(
            $"'{folder}' does not say how its pictures are prepared: no {string.Join(", ", HuggingFaceFiles)}, no pretrained_cfg in config.json, no open_clip_config.json.");
        return Path.GetFileName(file) switch
        {
            "open_clip_config.json" => OpenClipPreprocess.Read(json, file),
            "config.json" => TimmPreprocess.Read(json, file),
            _ => HuggingFacePreprocess.Read(json, file, ModelType(folder)),
        };
    }

    /// <summary>Prepares a picture.</summary>
    public PreparedImage Apply(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        var geometry = GeometryOf(image.Width, image.Height);
        var resized = image.Resize(geometry.ResizedWidth, geometry.ResizedHeight, Resize.Filter);
        var values = new float[3 * geometry.Width * geometry.Height];
        var table = Scaling.Table();
        ReadOnlySpan<byte> fill = [Crop?.FillRed ?? 0, Crop?.FillGreen ?? 0, Crop?.FillBlue ?? 0];
        for (var c = 0; c < 3; c++)
        {
            var valueOf = table.AsSpan(256 * c, 256);
            var plane = values.AsSpan(c * geometry.Width * geometry.Height, geometry.Width * geometry.Height);
            plane.Fill(valueOf[fill[c]]);
            int left = Math.Max(0, -geometry.CropLeft), right = Math.Min(geometry.Width, resized.Width - geometry.CropLeft);
            int top = Math.Max(0, -geometry.CropTop), bottom = Math.Min(geometry.Height, resized.Height - geometry.CropTop);
            for (var y = top; y < bottom; y++)
            {
                var row = resized.Pixels.Slice(3 * ((y + geometry.CropTop) * resized.Width + geometry.CropLeft + left));
                var target = plane.Slice(y * geometry.Width + left, right - left);
                for (var x = 0; x < target.Length; x++) target[x] = valueOf[row[3 * x + c]];
            }
        }

        return new PreparedImage(values, geometry);
    }

    /// <summary>What preparing a picture of this size does to it.</summary>
    public ImageGeometry GeometryOf(int width, int height)
    {
        var (resizedWidth, resizedHeight) = Resize.Target(width, height);
        if (Crop is null) return new ImageGeometry(width, height, resizedWidth, resizedHeight, 0, 0, resizedWidth, resizedHeight);
        var (left, top) = Crop.Offset(resizedWidth, resizedHeight);
        return new ImageGeometry(width, height, resizedWidth, resizedHeight, left, top, Crop.Width, Crop.Height);
    }

    private static (string File, JsonElement Json)? Find(string folder)
    {
        foreach (var name in HuggingFaceFiles)
        {
            if (Read(Path.Combine(folder, name)) is { } json) return (Path.Combine(folder, name), json);
        }

        var config = Path.Combine(folder, "config.json");
        if (Read(config) is { ValueKind: JsonValueKind.Object } timm && timm.TryGetProperty("pretrained_cfg", out _)) return (config, timm);
        var openClip = Path.Combine(folder, "open_clip_config.json");
        return Read(openClip) is { } found ? (openClip, found) : null;
    }

    private static string? ModelType(string folder) =>
        Read(Path.Combine(folder, "config.json")) is { ValueKind: JsonValueKind.Object } json
        && json.TryGetProperty("model_type", out var type) && type.ValueKind == JsonValueKind.String
            ? type.GetString()
            : null;

    private static JsonElement? Read(string file)
    {
        if (!File.Exists(file)) return null;
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(file));
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new CheckpointException($"'{file}' is not JSON: {e.Message}", e);
        }
    }
}
