namespace Camels.Kernels;

/// <summary>A stretch of statements that is entered at its first and left at its last.</summary>
internal sealed class PtxStretch
{
    public required int First { get; init; }

    /// <summary>One behind the last statement.</summary>
    public required int End { get; init; }

    public List<int> Successors { get; } = [];
}

/// <summary>
/// The control flow of a kernel: stretches, where paths that parted meet again (the nearest stretch that every path to the end goes through),
/// and which registers are alive where.
/// </summary>
internal sealed class PtxFlow
{
    // Of stretches and registers: beyond, the sets of live registers would take more memory than any kernel is worth.
    private const long MostPairs = 1L << 28;

    private readonly PtxEntry _entry;
    private readonly int[] _stretchOf;

    public PtxFlow(PtxEntry entry)
    {
        _entry = entry;
        Stretches = Cut(entry.Statements);
        _stretchOf = new int[entry.Statements.Count + 1];
        for (int i = 0; i < Stretches.Length; i++)
        {
            Array.Fill(_stretchOf, i, Stretches[i].First, Stretches[i].End - Stretches[i].First);
        }

        _stretchOf[^1] = Stretches.Length;
        if ((long)Stretches.Length * entry.Registers.Count > MostPairs)
        {
            throw new PtxException(
                PtxFault.Malformed, $"{entry.File}:{entry.Line}: {entry.Name} has {Stretches.Length:N0} stretches of code and {entry.Registers.Count:N0} registers");
        }

        Connect();
        PostDominators = FindPostDominators();
        Liveness = new PtxLiveness(entry, Stretches);
    }

    public PtxStretch[] Stretches { get; }

    public PtxLiveness Liveness { get; }

    // For each stretch the next one that all paths to the end have in common; Stretches.Length is the end itself.
    private int[] PostDominators { get; }

    /// <summary>The statement where the two ways of a conditional jump meet again; the number of statements where they only meet at the end.</summary>
    public int MeetingOf(int jump)
    {
        int stretch = PostDominators[_stretchOf[jump]];
        return stretch == Stretches.Length ? _entry.Statements.Count : Stretches[stretch].First;
    }

    /// <summary>Registers alive at the worst place that a thread can come to behind <paramref name="statement"/>.</summary>
    public int MostAliveBehind(int statement)
    {
        int own = _stretchOf[statement];
        int most = MostAlive(statement + 1, Stretches[own].End);
        HashSet<int> seen = [Stretches.Length];
        Stack<int> open = new(Stretches[own].Successors);
        while (open.TryPop(out int stretch))
        {
            if (seen.Add(stretch))
            {
                most = Math.Max(most, MostAlive(Stretches[stretch].First, Stretches[stretch].End));
                Stretches[stretch].Successors.ForEach(open.Push);
            }
        }

        return most;
    }

    public static bool IsJump(PtxStatement statement) => statement.Name == "bra";

    public static bool IsEnd(PtxStatement statement) => statement.Name is "ret" or "exit" or "trap";

    private int MostAlive(int first, int end) => Liveness.AliveAt.Take(first..end).DefaultIfEmpty(0).Max();

    private static PtxStretch[] Cut(IReadOnlyList<PtxStatement> statements)
    {
        SortedSet<int> starts = [0];
        for (int i = 0; i < statements.Count; i++)
        {
            if (IsJump(statements[i]))
            {
                _ = starts.Add(statements[i].Operands[0].Target);
            }

            if (IsJump(statements[i]) || IsEnd(statements[i]))
            {
                _ = starts.Add(i + 1);
            }
        }

        int[] cuts = [.. starts.Where(start => start < statements.Count), statements.Count];
        PtxStretch[] stretches = new PtxStretch[cuts.Length - 1];
        for (int i = 0; i < stretches.Length; i++)
        {
            stretches[i] = new PtxStretch { First = cuts[i], End = cuts[i + 1] };
        }

        return stretches;
    }

    private void Connect()
    {
        for (int i = 0; i < Stretches.Length; i++)
        {
            PtxStretch stretch = Stretches[i];
            PtxStatement last = _entry.Statements[stretch.End - 1];
            if (IsJump(last))
            {
                stretch.Successors.Add(_stretchOf[last.Operands[0].Target]);
            }

            if (IsEnd(last))
            {
                stretch.Successors.Add(Stretches.Length);
            }

            if (!(IsJump(last) || IsEnd(last)) || last.Guard is not null)
            {
                stretch.Successors.Add(i + 1);
            }
        }
    }

    // Cooper, Harvey, Kennedy: "A simple, fast dominance algorithm", on the reversed graph.
    private int[] FindPostDominators()
    {
        int end = Stretches.Length;
        int[] order = ReversedOrder(out int[] number);
        int[] dominator = new int[end + 1];
        Array.Fill(dominator, -1);
        dominator[end] = end;
        for (bool changed = true; changed;)
        {
            changed = false;
            foreach (int node in order)
            {
                int common = -1;
                foreach (int next in Stretches[node].Successors)
                {
                    if (dominator[next] >= 0)
                    {
                        common = common < 0 ? next : Intersect(common, next);
                    }
                }

                changed |= common != dominator[node];
                dominator[node] = common;
            }
        }

        // A loop without a way out never meets anything: the end stands for it.
        return [.. dominator.Select(node => node < 0 ? end : node)];

        int Intersect(int a, int b)
        {
            while (a != b)
            {
                while (number[a] < number[b])
                {
                    a = dominator[a];
                }

                while (number[b] < number[a])
                {
                    b = dominator[b];
                }
            }

            return a;
        }
    }

    // From the end backwards: nodes in reverse postorder of the reversed graph, without the end; the end has the highest number.
    private int[] ReversedOrder(out int[] number)
    {
        int end = Stretches.Length;
        List<int>[] predecessors = new List<int>[end + 1];
        for (int i = 0; i <= end; i++)
        {
            predecessors[i] = [];
        }

        for (int i = 0; i < end; i++)
        {
            foreach (int next in Stretches[i].Successors)
            {
                predecessors[next].Add(i);
            }
        }

        number = new int[end + 1];
        Array.Fill(number, -1);
        List<int> postorder = [];
        bool[] isSeen = new bool[end + 1];
        Stack<(int Node, int Next)> stack = new([(end, 0)]);
        isSeen[end] = true;
        while (stack.TryPop(out (int Node, int Next) top))
        {
            if (top.Next < predecessors[top.Node].Count)
            {
                stack.Push((top.Node, top.Next + 1));
                int node = predecessors[top.Node][top.Next];
                if (!isSeen[node])
                {
                    isSeen[node] = true;
                    stack.Push((node, 0));
                }
            }
            else
            {
                number[top.Node] = postorder.Count;
                postorder.Add(top.Node);
            }
        }

        postorder.Reverse();
        return [.. postorder.Where(node => node != end)];
    }
}
