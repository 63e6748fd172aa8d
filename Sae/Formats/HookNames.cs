using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Places as coder files spell them.</summary>
internal static class HookNames
{
    /// <summary>The place of a name; none where the name is empty or not known here (the coder can still encode).</summary>
    internal static IReadOnlyList<HookSite> Read(string name)
    {
        if (name.Length == 0) return [];
        try
        {
            return [Site.Parse(name)];
        }
        catch (SiteNotFoundException)
        {
            return [];
        }
    }
}
