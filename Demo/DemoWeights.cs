using Prisma.Core;

namespace Prisma.Demo;

/// <summary>The small weights that the project trained and ships: <c>weights/demo</c> in the repository.</summary>
public static class DemoWeights
{
    /// <summary>The demo's vision transformer, in Hugging Face's layout.</summary>
    public static string Vit => Find("vit");

    /// <summary>The sparse autoencoder on one of its layers, in ViT-Prisma's layout.</summary>
    public static string Sae => Find("sae");

    /// <summary>The demo's video transformer, in VideoMAE's layout.</summary>
    public static string Video => Find("video");

    /// <summary>The sparse autoencoder on one of its layers, in ViT-Prisma's layout.</summary>
    public static string VideoSae => Find("video-sae");

    /// <summary>The demo's text-to-image model, in diffusers' layout.</summary>
    public static string Painter => Find("painter");

    /// <summary>The folder of the sparse autoencoders on its blocks, each in sdxl-unbox's layout.</summary>
    public static string PainterSaes => Find("painter-sae");

    /// <summary>The classifier that says what painted pictures show, in Hugging Face's layout.</summary>
    public static string Judge => Find("judge");

    /// <summary>The folder that holds them, whether or not they are there yet.</summary>
    public static string Folder { get; } = FindFolder();

    private static string Find(string name)
    {
        var path = Path.Combine(Folder, name);
        return Directory.Exists(path)
            ? path
            : throw new CheckpointException($"The demo's weights '{path}' are missing. They belong to the repository; 'prisma demo train' makes them anew.");
    }

    private static string FindFolder()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (Directory.Exists(Path.Combine(folder.FullName, "weights"))) return Path.Combine(folder.FullName, "weights", "demo");
        return Path.GetFullPath(Path.Combine("weights", "demo"));
    }
}
