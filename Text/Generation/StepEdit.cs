using Prisma.Core;

namespace Prisma.Text;

/// <summary>
/// An edit of some steps of a generated text. Step 0 reads the prompt, step t the t-th token that was made; an edit of step t sees that
/// step's tokens alone, and later tokens see it only through what attention reads.
/// </summary>
/// <param name="Site">The place.</param>
/// <param name="Edit">The edit, on [B, tokens of the step, …].</param>
/// <param name="From">The first step.</param>
/// <param name="Until">The first step after; null where it never ends.</param>
public sealed record StepEdit(HookSite Site, Edit Edit, int From = 0, int? Until = null)
{
    /// <summary>Whether the edit is made in a step.</summary>
    internal bool Covers(int step) => step >= From && (Until is not { } end || step < end);
}
