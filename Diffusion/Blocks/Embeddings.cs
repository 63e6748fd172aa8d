using Prisma.Core;

namespace Prisma.Diffusion;

/// <summary>What makes the embeddings of a U-net, with their places; the model puts them together.</summary>
internal sealed class Embeddings : Module
{
    internal Embeddings(UnetConfig config)
    {
        WavesOut = Point(Site.TimeWaves);
        Time = Child("time_embedding", new EmbeddingMlp(config.Channels[0], config.TimeWidth, config.Activation, config.GuidanceWidth));
        TimeOut = Point(Site.TimeEmbedding);
        if (config.Classes > 0) Classes = Child("class_embedding", new ClassEmbedding(config.Classes, config.TimeWidth));
        if (config.AddedWidth == 0) return;
        Added = Child("add_embedding", new EmbeddingMlp(config.AddedWidth, config.TimeWidth, "silu"));  // the reference's default, whatever act_fn says
        AddedOut = Point(Site.AddedEmbedding);
    }

    internal HookPoint WavesOut { get; }

    internal EmbeddingMlp Time { get; }

    internal HookPoint TimeOut { get; }

    internal ClassEmbedding? Classes { get; }

    internal EmbeddingMlp? Added { get; }

    internal HookPoint? AddedOut { get; }
}
