using Prisma.Core;

namespace Prisma.Video;

/// <summary>What the configurations of video classifiers share.</summary>
internal static class VideoConfig
{
    private const int DefaultClasses = 2;  // the reference's default number of labels

    /// <summary>The number of classes of a classifier; 0 for other models.</summary>
    internal static int Classes(ModelFolder folder, ConfigReader json, bool classifies)
    {
        var told = Math.Max(folder.Labels().Count, json.AnyInt("num_labels", 0));
        return !classifies ? 0 : told > 0 ? told : DefaultClasses;
    }
}
