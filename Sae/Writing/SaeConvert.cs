using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Reads a coder of any format and writes it in another layout: what <c>sae convert</c> does.</summary>
public static class SaeConvert
{
    /// <summary>Converts the one coder at a path; returns its card.</summary>
    /// <param name="from">The coder: a file, or a folder searched downwards.</param>
    /// <param name="to">The folder to write into.</param>
    /// <param name="layout">The name of the layout, one of <see cref="CoderWriters.All"/>.</param>
    /// <param name="options">What the coder's file leaves open.</param>
    /// <param name="existing">Whether files that are there may be replaced.</param>
    /// <exception cref="PrismaException">The coder cannot be read, the layout cannot say it, or a file exists.</exception>
    public static CoderCard Run(string from, string to, string layout, CoderOptions? options = null, ExistingFile existing = ExistingFile.Refuse)
    {
        var writer = CoderWriters.Named(layout);
        using var coder = CoderFile.OpenAny(from, options);
        writer.Write(coder, to, existing);
        return coder.Card;
    }
}
