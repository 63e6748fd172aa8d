namespace Prisma.Demo;

/// <summary>Scenes with their pixels as a model takes them and what there is to learn from them; plain arrays, ready to become tensors.</summary>
public sealed record SceneBatch
{
    /// <summary>Mean and standard deviation by which every channel (in 0–1) is normalised.</summary>
    public const float Mean = 0.5f, Deviation = 0.5f;

    /// <summary>The scenes, N of them.</summary>
    public required IReadOnlyList<Scene> Scenes { get; init; }

    /// <summary>[N, 3, 64, 64]: (value / 255 − mean) / deviation.</summary>
    public required float[] Pixels { get; init; }

    /// <summary>[N]: the class of each scene, as the number of its <see cref="ShapeKind"/>.</summary>
    public required long[] Labels { get; init; }

    /// <summary>[N, 64, 64]: which object each pixel shows, as <see cref="ScenePainter.Owners"/> says.</summary>
    public required byte[] Owners { get; init; }

    /// <summary>Draws and paints <paramref name="count"/> scenes of a split, from number <paramref name="first"/> on.</summary>
    public static SceneBatch Draw(SceneSplit split, long first, int count)
    {
        const int area = Scene.Width * Scene.Width;
        var scenes = new Scene[count];
        var pixels = new float[count * 3 * area];
        var labels = new long[count];
        var owners = new byte[count * area];
        for (int i = 0; i < count; i++)
        {
            scenes[i] = SceneGenerator.Draw(split.Seed(first + i));
            labels[i] = (long)scenes[i].Label;
            ScenePainter.Owners(scenes[i].Objects).CopyTo(owners, i * area);
            Normalise(ScenePainter.Paint(scenes[i]), pixels.AsSpan(i * 3 * area, 3 * area));
        }
        return new SceneBatch { Scenes = scenes, Pixels = pixels, Labels = labels, Owners = owners };
    }

    /// <summary>Turns a painted picture, [h, w, 3] bytes, into [3, h, w] normalised values.</summary>
    public static void Normalise(ReadOnlySpan<byte> picture, Span<float> into)
    {
        int area = picture.Length / 3;
        for (int i = 0; i < area; i++)
        {
            for (int channel = 0; channel < 3; channel++) into[channel * area + i] = (picture[3 * i + channel] / 255f - Mean) / Deviation;
        }
    }
}
